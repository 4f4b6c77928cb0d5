#include "server/frontend/certificate_source.h"

#include <string.h>
#include <sys/stat.h>

#include <fstream>

#include "server/child/frontend.pb.h"

namespace hauspost::frontend {

Result<Secret> DiskFiles::read(const std::string& path) const {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(errno_error(path, errno == 0 ? EIO : errno));
  std::string text(kPemBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return fail(ErrorCode::kInternal, path + ": cannot be read");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kPemBytesMax) return fail(ErrorCode::kInvalid, path + ": too large");
  return Secret(std::move(text));
}

std::int64_t DiskFiles::change_time(const std::string& path) const {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

Result<> HandedFiles::take(std::string request) {
  child::wire::TlsFilesRequest message;
  const bool parsed = message.ParseFromString(request);
  ::explicit_bzero(request.data(), request.size());
  if (!parsed) return fail(ErrorCode::kCorrupt, "front-end: the TLS files do not parse");
  std::map<std::string, File> files;
  for (child::wire::TlsFile& from : *message.mutable_files()) {
    File& to = files[from.path()];
    to.change_time = from.change_time();
    if (!from.error().empty()) to.error = Error{ErrorCode::kInvalid, from.error()};
    to.bytes = Secret(std::move(*from.mutable_bytes()));
  }
  files_ = std::move(files);
  return {};
}

Result<Secret> HandedFiles::read(const std::string& path) const {
  const auto found = files_.find(path);
  if (found == files_.end())
    return fail(ErrorCode::kUnavailable, path + ": the supervisor has not handed it over yet");
  if (found->second.error) return fail(*found->second.error);
  return found->second.bytes;
}

std::int64_t HandedFiles::change_time(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? 0 : found->second.change_time;
}

}  // namespace hauspost::frontend
