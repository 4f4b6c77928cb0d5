// AcceptingStream: the client's stream of a session that is accepted here. The session speaks
// first, and its first words take along the word that it is accepted.
#pragma once

#include <memory>

#include "base/link/session_link.h"

namespace hauspost::store_worker {

class AcceptingStream final : public Stream {
 public:
  // `frames` after accept_session().
  explicit AcceptingStream(std::unique_ptr<link::FrameSocket> frames)
      : frames_(*frames), stream_(std::move(frames)) {}

  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override;
  Task<Result<Wake>> wait_input(Signal& signal, Duration timeout) override;
  void set_timeout(Duration timeout) override { stream_.set_timeout(timeout); }
  void close() noexcept override { stream_.close(); }
  // As LinkStream::end_in_order().
  Task<void> end_in_order();

 private:
  Task<Result<>> accept();

  link::FrameSocket& frames_;  // of stream_
  link::LinkStream stream_;
  bool accepted_ = false;
};

}  // namespace hauspost::store_worker
