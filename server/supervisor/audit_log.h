// AuditLog: who changed what, when and with what outcome: DATA/audit.log, one JSON object a line,
// the latest last. It is apart from the log, which rolls over in hours on a busy server.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace hauspost::supervisor {

struct AuditEntry {
  std::int64_t time_s = 0;
  uid_t uid = 0;
  pid_t pid = 0;
  std::string verb;
  std::string object;
  bool dry_run = false;
  std::string outcome;  // "done", or why not
  std::string user;     // name of uid; append() finds it out
};

// REQUIRES: one thread. Blocks for a disk flush; an administrator's calls are rare.
class AuditLog {
 public:
  // A full file becomes audit.log.1, that one audit.log.2, ...; what is older goes.
  static constexpr std::size_t kFileBytesMax = 8 << 20;
  static constexpr unsigned kFilesKept = 8;  // beside the one that is written

  explicit AuditLog(const std::string& data_root, std::size_t file_bytes_max = kFileBytesMax)
      : path_(data_root + "/audit.log"), file_bytes_max_(file_bytes_max) {}

  // Durable on return, mode 0600. Errors are the file's.
  Result<> append(AuditEntry entry);
  // At most `limit`, the latest first, of verbs that begin with `verb` and objects that contain
  // `object`. Lines that do not parse, as a power loss may leave one, are passed over.
  Result<std::vector<AuditEntry>> latest(std::size_t limit, std::string_view verb,
                                         std::string_view object) const;

 private:
  Result<> make_room(std::size_t bytes) const;

  std::string path_;
  std::size_t file_bytes_max_;
};

}  // namespace hauspost::supervisor
