#include "server/health/line_client.h"

#include <asio/ip/address.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "base/tls/server_check.h"

namespace hauspost::health {

namespace {

constexpr std::size_t kReadBytes = 4096;
constexpr std::string_view kProxyForItself = "PROXY UNKNOWN\r\n";

Task<Result<TcpSocket>> connect(const Door& door) {
  TcpSocket socket(co_await asio::this_coro::executor);
  std::error_code code;
  const auto address = asio::ip::make_address(door.address, code);
  if (code) co_return fail(ErrorCode::kInvalid, door.address + " is no address");
  co_await socket.async_connect(asio::ip::tcp::endpoint(address, door.port),
                                asio::redirect_error(kUseTask, code));
  if (code) {
    co_return fail(
        asio_error(fmt::format("connecting to {} port {}", door.address, door.port), code));
  }
  co_return std::move(socket);
}

}  // namespace

void LineClient::step(std::string name) {
  report_.begin(std::move(name), std::chrono::steady_clock::now());
}

Task<Result<>> LineClient::open(const Door& door) {
  step("connect");
  CO_TRY_ASSIGN(TcpSocket socket, co_await connect(door));
  auto stream = std::make_unique<TcpStream>(std::move(socket));
  plain_ = stream.get();
  stream_ = std::move(stream);
  encrypted_ = false;
  buffer_.clear();
  if (door.proxy) CO_TRY(co_await stream_->write(kProxyForItself));
  if (door.tls) CO_TRY(co_await start_tls());
  co_return Result<>{};
}

Result<> LineClient::check_certificate(const tls::TlsStream& stream) const {
  if (means_.fingerprints.empty()) return {};
  // RFC 7671 section 5.1: usage 3 is the certificate itself, whatever its name and dates, which
  // others look at.
  constexpr std::uint8_t kItself = 3;
  constexpr std::uint8_t kSha256 = 1;
  tls::ServerCheck check;
  check.kind = tls::ServerCheck::Kind::kDane;
  for (const std::string& fingerprint : means_.fingerprints) {
    if (auto digest = from_hex(fingerprint))
      check.records.push_back(
          {.usage = kItself, .selector = 0, .matching = kSha256, .data = std::move(*digest)});
  }
  if (stream.check_server(check, nullptr).good()) return {};
  return fail(ErrorCode::kInvalid, "the certificate shown is none of this server's");
}

Task<Result<>> LineClient::start_tls() {
  step("tls");
  if (plain_ == nullptr || !buffer_.empty())
    co_return fail(ErrorCode::kInvalid, "the server spoke before TLS");
  TcpSocket socket = std::exchange(plain_, nullptr)->release();
  CO_TRY_ASSIGN(auto stream, co_await tls::TlsStream::connect(std::move(socket), means_.tls, {}));
  CO_TRY(check_certificate(*stream));
  stream_ = std::move(stream);
  encrypted_ = true;
  co_return Result<>{};
}

Task<Result<std::string>> LineClient::line() {
  std::size_t looked = 0;
  for (;;) {
    const std::size_t end = buffer_.find('\n', looked);
    if (end != std::string::npos) {
      std::string found = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (found.ends_with('\r')) found.pop_back();
      report_.heard(found);
      co_return found;
    }
    looked = buffer_.size();
    if (looked > kLineMax) co_return fail(ErrorCode::kInvalid, "a line without an end");
    buffer_.resize(looked + kReadBytes);
    const auto count = co_await stream_->read_some(std::span(buffer_).subspan(looked));
    buffer_.resize(looked + count.value_or(0));
    if (!count) co_return fail(count.error());
    if (*count == 0) co_return fail(ErrorCode::kUnavailable, "the server closed the connection");
  }
}

Task<Result<>> LineClient::send(std::string text) { co_return co_await stream_->write(text); }

}  // namespace hauspost::health
