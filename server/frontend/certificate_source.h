// Where the front-end has the bytes of certificates and keys from. It opens no such file itself:
// the supervisor, which may read what root alone may, hands them over.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/result.h"

namespace hauspost::frontend {

class CertificateSource {
 public:
  virtual ~CertificateSource() = default;
  // Errors are the file's. At most kPemBytesMax.
  virtual Result<Secret> read(const std::string& path) const = 0;
  // Another number than before when the file has changed; 0: there is none.
  virtual std::int64_t change_time(const std::string& path) const = 0;

  static constexpr std::size_t kPemBytesMax = 1024 * 1024;
};

// The files themselves.
class DiskFiles final : public CertificateSource {
 public:
  Result<Secret> read(const std::string& path) const override;
  std::int64_t change_time(const std::string& path) const override;
};

// What the supervisor has handed over last. REQUIRES: one thread.
class HandedFiles final : public CertificateSource {
 public:
  // A TlsFilesRequest (server/child/frontend.proto), which takes the place of all that was there.
  // kCorrupt: it does not parse, and nothing has changed.
  Result<> take(std::string request);

  // kUnavailable: not handed over.
  Result<Secret> read(const std::string& path) const override;
  std::int64_t change_time(const std::string& path) const override;

 private:
  struct File {
    std::int64_t change_time = 0;
    Secret bytes;
    std::optional<Error> error;
  };
  std::map<std::string, File> files_;
};

}  // namespace hauspost::frontend
