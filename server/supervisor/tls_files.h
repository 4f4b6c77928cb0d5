// TlsFiles: certificates, keys and authorities, read with the supervisor's rights for the
// front-end, which has none of its own to files.
#pragma once

#include <string>
#include <vector>

#include "server/directory/directory.h"
#include "server/supervisor/settings.h"

namespace hauspost::supervisor {

class TlsFiles {
 public:
  // Both outlive it.
  TlsFiles(const ServerSettings& settings, const directory::DirectoryReader& reader)
      : settings_(settings), reader_(reader) {}

  // Every file as it is now, as TlsFilesRequest of server/child/frontend.proto; what cannot be read
  // is in it with the cause. Blocks for the reading.
  std::string read();
  // True when another file is named than at the last read(), or one has changed since.
  bool changed() const;

 private:
  struct Seen {
    std::string path;
    std::int64_t change_time = 0;  // 0: not there
    bool operator==(const Seen&) const = default;
  };
  std::vector<Seen> look() const;

  const ServerSettings& settings_;
  const directory::DirectoryReader& reader_;
  std::vector<Seen> seen_;
};

}  // namespace hauspost::supervisor
