// Quarantine: messages that a filter held back, kept until an administrator decides. One file each,
// durable before the client hears 250.
#pragma once

#include <string>
#include <vector>

#include "base/side_thread.h"
#include "transport/queue/envelope.h"

namespace hauspost::transport {

struct QuarantineEntry {
  std::string id;  // network message id
  std::int64_t time_s = 0;
  std::string source;  // which filter
  std::string reason;
  std::string subject;  // raw field body
  std::uint64_t bytes = 0;
  Envelope envelope;
};

struct QuarantinedMessage {
  QuarantineEntry entry;
  std::string message;
};

// REQUIRES: one thread; no call under way at destruction. Files are written and read beside it.
class Quarantine {
 public:
  // The folder is made when it is needed.
  Quarantine(Executor executor, std::string folder)
      : executor_(executor), folder_(std::move(folder)), side_(executor) {}

  // Durable when it returns; `entry.id` and `bytes` are set here. Errors are the disk's.
  Task<Result<std::string>> keep(QuarantineEntry entry, std::string message);
  // The oldest first; what cannot be read is left out and logged.
  Task<Result<std::vector<QuarantineEntry>>> list();
  // kNotFound; kCorrupt.
  Task<Result<QuarantinedMessage>> read(std::string id);
  // Durable. kNotFound.
  Task<Result<>> remove(std::string id);

 private:
  template <class Value>
  Task<Result<Value>> beside(std::function<Result<Value>()> work);

  Executor executor_;
  std::string folder_;
  SideThread side_;
};

}  // namespace hauspost::transport
