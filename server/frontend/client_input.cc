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

Task<ClientInput::More> ClientInput::more(Stream& stream, Signal& stop,
                                          std::chrono::steady_clock::time_point until) {
  const Duration left = until - std::chrono::steady_clock::now();
  if (left <= Duration::zero()) co_return More::kTimeout;
  const auto wake = co_await stream.wait_input(stop, left);
  if (!wake) co_return More::kEnd;
  if (*wake == Wake::kTimeout) co_return More::kTimeout;
  if (*wake == Wake::kSignal) co_return More::kStop;
  std::array<char, kReadBytes> chunk;
  const auto got = co_await stream.read_some(chunk);
  if (!got || *got == 0) co_return More::kEnd;
  if (buffer_.size() + *got > buffer_.capacity()) {
    std::string grown;
    grown.reserve(2 * (buffer_.size() + kReadBytes));
    grown += bytes();
    ::explicit_bzero(buffer_.data(), buffer_.size());  // growing in place would leave a copy behind
    buffer_ = std::move(grown);
    begin_ = 0;
  }
  buffer_.append(chunk.data(), *got);
  ::explicit_bzero(chunk.data(), *got);
  co_return More::kBytes;
}

}  // namespace hauspost::frontend
