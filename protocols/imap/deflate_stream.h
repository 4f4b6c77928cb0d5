// DeflateStream: a client's bytes, deflated both ways once COMPRESS was agreed on (RFC 4978); until
// then they pass as they are. It lies behind the front-end, which so goes on passing bytes without
// looking at them, and TLS goes over what is deflated, as the RFC wants.
#pragma once

#include <memory>

#include "base/stream.h"

namespace hauspost::imap {

// About 100 KiB of memory from start() on.
// REQUIRES: `inner` outlives it.
class DeflateStream final : public Stream {
 public:
  explicit DeflateStream(Stream& inner);
  ~DeflateStream() override;

  // REQUIRES: not started; nothing under way.
  void start();
  bool started() const { return coder_ != nullptr; }
  // The client sent what is no deflate data; nothing more can be read.
  bool damaged() const { return damaged_; }

  // What the client sent is no deflate data: kUnavailable. However small what it sent was, no more
  // than `into` holds is made of it at a time, and others run in between.
  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  using Stream::write;
  // What was written can be read at the other end when it returns.
  Task<Result<>> write(std::span<const std::string_view> parts) override;
  Task<Result<Wake>> wait_input(Signal& signal, Duration timeout) override;
  void set_timeout(Duration timeout) override { inner_.set_timeout(timeout); }
  void close() noexcept override { inner_.close(); }

 private:
  class Coder;
  Task<Result<>> receive();
  std::unexpected<Error> damage();

  Stream& inner_;
  bool damaged_ = false;
  std::unique_ptr<Coder> coder_;
};

}  // namespace hauspost::imap
