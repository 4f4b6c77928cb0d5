// Backends: where a session goes on once it is known whose it is.
#pragma once

#include <memory>
#include <string>

#include "base/link/session_link.h"
#include "server/directory/directory.h"

namespace hauspost::frontend {

class Backends {
 public:
  virtual ~Backends() = default;
  // Opens the link for `start` and has the back-end accept it. kUnavailable: service or database
  // off, or nobody answers; kExhausted: the back-end has too many sessions; else its refusal.
  virtual Task<Result<std::unique_ptr<link::FrameSocket>>> open(link::SessionStart start) = 0;
};

// By the directory: IMAP and POP3 to the worker of start.database, SMTP to transport.
class LocalBackends final : public Backends {
 public:
  // `patience`: how long a back-end that does not answer, as it would while it restarts, is tried
  // again. The directory must outlive this object.
  LocalBackends(const directory::DirectoryReader& directory, std::string run_dir, Duration patience)
      : directory_(directory), run_dir_(std::move(run_dir)), patience_(patience) {}

  Task<Result<std::unique_ptr<link::FrameSocket>>> open(link::SessionStart start) override;

 private:
  Result<> check_active(std::string_view component) const;
  Result<std::string> socket_path(const link::SessionStart& start) const;

  const directory::DirectoryReader& directory_;
  std::string run_dir_;
  Duration patience_;
};

// One try on one socket.
Task<Result<std::unique_ptr<link::FrameSocket>>> open_link(const std::string& path,
                                                           const link::SessionStart& start);

}  // namespace hauspost::frontend
