#include "server/frontend/client_input.h"

#include <strings.h>

#include <array>

namespace hauspost::frontend {

namespace {

constexpr std::size_t kReadBytes = 4096;

}  // namespace

ClientInput::~ClientInput() { ::explicit_bzero(buffer_.data(), buffer_.size()); }

void ClientInput::consume(std::size_t count) {
  ::explicit_bzero(buffer_.data() + begin_, count);
  begin_ += count;
  if (begin_ < buffer_.size()) return;
  buffer_.clear();
  begin_ = 0;
}

std::string ClientInput::take_rest() {
  std::string rest(bytes());
  consume(rest.size());
  return rest;
}

// Waiting and reading in one: to wait first would cost a look at what is then read.
Task<Result<Input>> ClientInput::read(Stream& stream, Signal& stop, Duration left,
                                      std::span<char> place) {
  if (!deadline_) {
    deadline_ = std::make_unique<Deadline>(co_await asio::this_coro::executor, [this, &stop] {
      late_ = true;
      stop.notify();
    });
  }
  deadline_->start(left);
  auto input = co_await stream.read_input(stop, [place] { return place; });
  deadline_->stop();
  if (input && input->wake == Wake::kSignal && late_) input->wake = Wake::kTimeout;
  co_return input;
}

Task<ClientInput::More> ClientInput::more(Stream& stream, Signal& stop,
                                          std::chrono::steady_clock::time_point until) {
  const Duration left = until - std::chrono::steady_clock::now();
  if (left <= Duration::zero()) co_return More::kTimeout;
  std::array<char, kReadBytes> chunk;
  const auto input = co_await read(stream, stop, left, chunk);
  if (!input) co_return More::kEnd;
  if (input->wake == Wake::kTimeout) co_return More::kTimeout;
  if (input->wake == Wake::kSignal) co_return More::kStop;
  const std::size_t got = input->count;
  if (got == 0) co_return More::kEnd;
  if (buffer_.size() + got > buffer_.capacity()) {
    std::string grown;
    grown.reserve(2 * (buffer_.size() + kReadBytes));
    grown += bytes();
    ::explicit_bzero(buffer_.data(), buffer_.size());  // growing in place would leave a copy behind
    buffer_ = std::move(grown);
    begin_ = 0;
  }
  buffer_.append(chunk.data(), got);
  ::explicit_bzero(chunk.data(), got);
  co_return More::kBytes;
}

}  // namespace hauspost::frontend
