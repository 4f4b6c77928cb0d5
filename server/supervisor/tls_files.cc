#include "server/supervisor/tls_files.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/durable_file.h"
#include "server/child/frontend.pb.h"
#include "server/directory/frontend_settings.h"

namespace hauspost::supervisor {

namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;

std::int64_t change_time(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

}  // namespace

std::vector<TlsFiles::Seen> TlsFiles::look() const {
  std::vector<Seen> out;
  const auto add = [&](const std::string& path) {
    if (path.empty() || std::ranges::find(out, path, &Seen::path) != out.end()) return;
    out.push_back({path, change_time(path)});
  };
  add(settings_.certificate_file);
  add(settings_.key_file);
  add(settings_.client_ca_file);
  for (const auto& further : directory::further_certificates(directory::asking(reader_))) {
    add(further.certificate_file);
    add(further.key_file);
  }
  return out;
}

std::string TlsFiles::read() {
  seen_ = look();
  child::wire::TlsFilesRequest request;
  for (const Seen& one : seen_) {
    child::wire::TlsFile* out = request.add_files();
    out->set_path(one.path);
    out->set_change_time(one.change_time);
    auto bytes = read_small_file(one.path, kFileBytesMax);
    if (bytes) {
      out->set_bytes(std::move(*bytes));
    } else {
      out->set_error(bytes.error().text);
    }
  }
  return request.SerializeAsString();
}

bool TlsFiles::changed() const { return look() != seen_; }

}  // namespace hauspost::supervisor
