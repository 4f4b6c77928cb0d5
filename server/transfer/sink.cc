#include "server/transfer/sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/durable_file.h"
#include "base/text.h"
#include "server/transfer/file.h"
#include "server/transfer/sinks.h"

namespace hauspost::transfer {

namespace fs = std::filesystem;

std::string part_of(const std::string& path) { return path + ".part"; }

namespace {

// False with errno. Some network file systems know no renaming that replaces nothing.
bool rename_to_new(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL) return false;
  struct stat facts{};
  if (::lstat(to.c_str(), &facts) == 0) {
    errno = EEXIST;
    return false;
  }
  return errno == ENOENT && ::rename(from.c_str(), to.c_str()) == 0;
}

}  // namespace

Result<> name_whole(const std::string& path) {
  const std::string part = part_of(path);
  if (!rename_to_new(part, path)) {
    if (errno == EEXIST) {
      return fail(ErrorCode::kExists, escape_for_log(path, 1000) +
                                          " was made by somebody else meanwhile; the export is "
                                          "whole in " +
                                          escape_for_log(part, 1000));
    }
    return fail(file_error("naming", path, errno));
  }
  return sync_folder(fs::path(path).parent_path().string());
}

Result<> make_folders(const std::string& base, const std::string& below) {
  std::string path = base;
  for (const std::string_view level : split(below, '/')) {
    if (!level.empty()) path.append("/").append(level);
    if (::mkdir(path.c_str(), 0700) == 0) continue;
    if (errno != EEXIST) return fail(file_error("making folder", path, errno));
  }
  return {};
}

Result<> remove_part(const std::string& path) {
  std::error_code code;
  fs::remove_all(part_of(path), code);
  if (code) return fail(file_error("removing", part_of(path), code.value()));
  return {};
}

Result<std::unique_ptr<Sink>> open_sink(const std::string& path, Format format,
                                        const std::string& position) {
  if (!path.starts_with('/') || path.ends_with('/'))
    return fail(ErrorCode::kInvalid, escape_for_log(path, 1000) + " is no absolute file name");
  std::error_code code;
  if (fs::exists(fs::symlink_status(path, code))) {
    return fail(ErrorCode::kExists, escape_for_log(path, 1000) +
                                        " exists already; exports overwrite nothing: remove it or "
                                        "name another file");
  }
  if (position.empty()) TRY(remove_part(path));
  switch (format) {
    case Format::kMbox: return open_mbox_sink(path, position);
    case Format::kMaildir: return open_maildir_sink(path, position);
    case Format::kEml: return open_eml_sink(path, position);
    case Format::kZip: return open_zip_sink(path);
    case Format::kAuto: break;
  }
  return fail(ErrorCode::kInvalid, "an export needs a format: mbox, maildir, eml or zip");
}

}  // namespace hauspost::transfer
