// Stream: two directions of bytes with time-outs. Sessions know only this; under it is a socket,
// TLS, the session link or, in tests, memory.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>

#include "base/async.h"

namespace hauspost {

class Signal;

enum class Wake { kInput, kSignal, kTimeout };
struct Input {
  Wake wake = Wake::kInput;
  std::size_t count = 0;  // of kInput: as read_some has it
};

// REQUIRES: one thread; at most one read and one write under way at a time.
// Every failure is final for the stream: kTimeout, kCancelled, or kUnavailable when the peer is
// gone.
class Stream {
 public:
  virtual ~Stream() = default;

  // Waits for at least one byte; returns how many were put into `into`. 0: the peer ended its side.
  virtual Task<Result<std::size_t>> read_some(std::span<char> into) = 0;

  // Returns when every byte has been handed to the kernel, so a slow reader holds the writer back.
  // The parts must stay alive until then.
  virtual Task<Result<>> write(std::span<const std::string_view> parts) = 0;
  Task<Result<>> write(std::string_view bytes);

  // Waits until read_some would return at once, `signal` is set (and takes it), or `timeout`
  // passed. Consumes nothing.
  virtual Task<Result<Wake>> wait_input(Signal& signal, Duration timeout) = 0;

  // wait_input without a time-out and then read_some into what `place` returns, which is asked only
  // when there is something to put there: who waits holds no buffer.
  virtual Task<Result<Input>> read_input(Signal& signal,
                                         const std::function<std::span<char>()>& place);

  // Bound on each following read_some and write; zero means none.
  virtual void set_timeout(Duration timeout) = 0;

  // Ends both directions now; operations under way fail with kCancelled. Idempotent.
  virtual void close() noexcept = 0;
};

}  // namespace hauspost
