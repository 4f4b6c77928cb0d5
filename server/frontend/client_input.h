// ClientInput: bytes of the client that nobody has used yet. They may hold a password: what is
// consumed is wiped.
#pragma once

#include <memory>
#include <string>

#include "base/deadline.h"
#include "base/signal.h"
#include "base/stream.h"

namespace hauspost::frontend {

class ClientInput {
 public:
  ClientInput() = default;
  ~ClientInput();
  ClientInput(const ClientInput&) = delete;
  ClientInput& operator=(const ClientInput&) = delete;

  std::string_view bytes() const { return {buffer_.data() + begin_, buffer_.size() - begin_}; }
  // REQUIRES: at most bytes().size().
  void consume(std::size_t count);
  // Everything left; bytes() is empty afterwards.
  std::string take_rest();

  enum class More { kBytes, kEnd, kTimeout, kStop };
  // Waits for further bytes until `until`; kStop when `stop` was set; kEnd also when the stream
  // failed.
  Task<More> more(Stream& stream, Signal& stop, std::chrono::steady_clock::time_point until);

 private:
  // What came is in `place`. Errors as Stream.
  Task<Result<Input>> read(Stream& stream, Signal& stop, Duration left, std::span<char> place);

  std::unique_ptr<Deadline> deadline_;  // made at the first wait
  bool late_ = false;
  std::string buffer_;
  std::size_t begin_ = 0;
};

}  // namespace hauspost::frontend
