// MemoryStream: one end of a pair of in-memory streams, for tests that hold a whole session.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "base/condition.h"
#include "base/stream.h"

namespace hauspost {

class MemoryStream final : public Stream {
 public:
  // Two connected ends. What one writes the other reads. Unbounded; time-outs are kept, not
  // enforced (wait_input alone honours its own).
  static std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> pair(
      Executor executor);
  ~MemoryStream() override { close(); }

  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override;
  Task<Result<Wake>> wait_input(Signal& signal, Duration timeout) override;
  void set_timeout(Duration) override {}
  void close() noexcept override;

 private:
  struct Pipe {
    explicit Pipe(Executor executor) : changed(executor) {}
    std::string bytes;
    bool ended = false;
    Condition changed;  // of bytes or ended
  };
  MemoryStream(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
      : in_(std::move(in)), out_(std::move(out)) {}

  std::shared_ptr<Pipe> in_;  // shared by the two ends
  std::shared_ptr<Pipe> out_;
};

}  // namespace hauspost
