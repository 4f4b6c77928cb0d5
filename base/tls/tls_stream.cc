#include "base/tls/tls_stream.h"

#include <climits>
#include <openssl/err.h>

#include "base/readable_edge.h"
#include "base/signal.h"
#include "base/socket_stream.h"
#include "base/tls/alpn.h"
#include "base/tls/handles.h"
#include "base/tls/socket_bio.h"

namespace hauspost::tls {

namespace {

// Parts below this are gathered into one record; larger ones go out from where they are.
constexpr std::size_t kGatherBelow = 4 * 1024;
constexpr std::size_t kRecordBytes = 16 * 1024;
// Reads that find something at once; then others run.
constexpr unsigned kReadsWithoutWaitMax = 16;

int length_of(std::size_t count) { return static_cast<int>(std::min<std::size_t>(count, INT_MAX)); }

}  // namespace

void TlsStream::Free::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

TlsStream::TlsStream(TcpSocket socket, ssl_st* ssl)
    : socket_(std::move(socket)),
      ssl_(ssl),
      read_deadline_(socket_.get_executor(), [this] { cancel_socket(); }),
      write_deadline_(socket_.get_executor(), [this] { cancel_socket(); }) {}

TlsStream::~TlsStream() { close(); }

void TlsStream::cancel_socket() noexcept {
  std::error_code ignored;
  socket_.cancel(ignored);
}

Result<std::unique_ptr<TlsStream>> TlsStream::make(TcpSocket socket, const TlsContext& context) {
  std::error_code code;
  socket.non_blocking(true, code);
  if (code) return fail(asio_error("TLS", code));
  socket.set_option(asio::ip::tcp::no_delay(true), code);
  ERR_clear_error();
  bssl::UniquePtr<SSL> ssl(SSL_new(context.native()));
  bssl::UniquePtr<BIO> bio = socket_bio(socket.native_handle());
  if (!ssl || !bio) return fail(library_error(ErrorCode::kInternal, "TLS"));
  BIO* const shared = bio.release();
  SSL_set_bio(ssl.get(), shared, shared);  // takes the one reference for both directions
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(socket), ssl.release()));
}

Task<Result<std::unique_ptr<TlsStream>>> TlsStream::accept(TcpSocket socket,
                                                           const TlsContext& context,
                                                           std::string_view alpn, Signal* stop) {
  CO_TRY_ASSIGN(auto stream, make(std::move(socket), context));
  stream->served_alpn_ = alpn;
  if (!set_alpn(stream->ssl_.get(), &stream->served_alpn_))
    co_return fail(library_error(ErrorCode::kInternal, "TLS"));
  SSL_set_accept_state(stream->ssl_.get());
  CO_TRY(co_await stream->handshake(stop));
  co_return std::move(stream);
}

Task<Result<std::unique_ptr<TlsStream>>> TlsStream::connect(TcpSocket socket,
                                                            const TlsContext& context,
                                                            std::string server_name,
                                                            std::string_view alpn) {
  CO_TRY_ASSIGN(auto stream, make(std::move(socket), context));
  SSL* const ssl = stream->ssl_.get();
  SSL_set_connect_state(ssl);
  if (!server_name.empty() && (SSL_set_tlsext_host_name(ssl, server_name.c_str()) != 1 ||
                               X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), server_name.data(),
                                                           server_name.size()) != 1)) {
    co_return fail(library_error(ErrorCode::kInvalid, "TLS server name"));
  }
  if (!alpn.empty()) {
    const std::string offer = static_cast<char>(alpn.size()) + std::string(alpn);
    if (SSL_set_alpn_protos(ssl, reinterpret_cast<const std::uint8_t*>(offer.data()),
                            offer.size()) != 0) {
      co_return fail(library_error(ErrorCode::kInvalid, "TLS protocol name"));
    }
  }
  CO_TRY(co_await stream->handshake());
  co_return std::move(stream);
}

Task<Result<>> TlsStream::handshake(Signal* stop) {
  struct Waker {
    ~Waker() {
      if (signal != nullptr) signal->set_waker(nullptr);
    }
    Signal* signal;
  } const waker{stop};
  if (stop != nullptr) stop->set_waker([this] { cancel_socket(); });
  read_deadline_.start(kHandshakeTimeout);
  for (;;) {
    if (stop != nullptr && stop->is_set())
      co_return fail(ErrorCode::kCancelled, "TLS handshake: stopped");
    ERR_clear_error();
    const int status = SSL_do_handshake(ssl_.get());
    if (status == 1) break;
    CO_TRY_ASSIGN(const Need need, need_after(status, "TLS handshake"));
    if (need == Need::kEnd)
      co_return fail(ErrorCode::kUnavailable, "TLS handshake: connection closed");
    CO_TRY(co_await wait_for(need, read_deadline_, "TLS handshake"));
  }
  read_deadline_.stop();
  established_ = true;
  co_return Result<>{};
}

Result<TlsStream::Need> TlsStream::need_after(int status, std::string_view what) {
  const int saved_errno = errno;
  switch (SSL_get_error(ssl_.get(), status)) {
    case SSL_ERROR_WANT_READ: return Need::kRead;
    case SSL_ERROR_WANT_WRITE: return Need::kWrite;
    case SSL_ERROR_ZERO_RETURN: return Need::kEnd;
    case SSL_ERROR_SYSCALL:
      broken_ = true;
      ERR_clear_error();
      if (status == 0 || saved_errno == 0)
        return fail(ErrorCode::kUnavailable, std::string(what) + ": connection closed");
      return fail(ErrorCode::kUnavailable, errno_error(what, saved_errno).text);
    default: broken_ = true; return fail(library_error(ErrorCode::kInvalid, what));
  }
}

Task<Result<>> TlsStream::wait_for(Need need, const Deadline& deadline, std::string_view what) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, std::string(what) + ": cancelled");
  std::error_code code;
  if (need == Need::kWrite) {
    co_await socket_.async_wait(TcpSocket::wait_write, asio::redirect_error(kUseTask, code));
  } else {
    co_await wait_readable_edge(socket_, code);  // the library has just found the socket empty
  }
  if (!code) co_return Result<>{};
  broken_ = true;
  if (deadline.expired()) co_return fail(ErrorCode::kTimeout, std::string(what) + ": timed out");
  co_return fail(asio_error(what, code));
}

Task<Result<std::size_t>> TlsStream::read_some(std::span<char> into) {
  // A peer that always has more to say must not keep this thread to itself.
  if (++reads_without_wait_ > kReadsWithoutWaitMax) {
    reads_without_wait_ = 0;
    co_await yield_now();
  }
  if (was_cancelled(co_await asio::this_coro::cancellation_state) || !socket_.is_open())
    co_return fail(ErrorCode::kCancelled, "TLS read: cancelled");
  if (timeout_ > Duration::zero()) read_deadline_.start(timeout_);
  for (;;) {
    if (broken_) co_return fail(ErrorCode::kUnavailable, "TLS read: connection lost");
    ERR_clear_error();
    const int count = SSL_read(ssl_.get(), into.data(), length_of(into.size()));
    if (count > 0) {
      read_deadline_.stop();
      co_return static_cast<std::size_t>(count);
    }
    CO_TRY_ASSIGN(const Need need, need_after(count, "TLS read"));
    if (need == Need::kEnd) {
      read_deadline_.stop();
      co_return std::size_t{0};
    }
    CO_TRY(co_await wait_for(need, read_deadline_, "TLS read"));
    reads_without_wait_ = 0;
    if (!socket_.is_open()) co_return fail(ErrorCode::kCancelled, "TLS read: closed");
  }
}

Task<Result<>> TlsStream::write_one(std::string_view bytes) {
  while (!bytes.empty()) {
    if (broken_ || !socket_.is_open())
      co_return fail(ErrorCode::kUnavailable, "TLS write: connection lost");
    ERR_clear_error();
    const int count = SSL_write(ssl_.get(), bytes.data(), length_of(bytes.size()));
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    CO_TRY_ASSIGN(const Need need, need_after(count, "TLS write"));
    if (need == Need::kEnd) co_return fail(ErrorCode::kUnavailable, "TLS write: connection closed");
    CO_TRY(co_await wait_for(need, write_deadline_, "TLS write"));
  }
  co_return Result<>{};
}

Task<Result<>> TlsStream::write(std::span<const std::string_view> parts) {
  if (was_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(ErrorCode::kCancelled, "TLS write: cancelled");
  if (timeout_ > Duration::zero()) write_deadline_.start(timeout_);
  std::string gathered;
  for (const std::string_view part : parts) {
    const bool small = parts.size() > 1 && part.size() < kGatherBelow;
    if (!gathered.empty() && (!small || gathered.size() + part.size() > kRecordBytes)) {
      CO_TRY(co_await write_one(gathered));
      gathered.clear();
    }
    if (small) {
      gathered += part;
    } else {
      CO_TRY(co_await write_one(part));
    }
  }
  CO_TRY(co_await write_one(gathered));
  write_deadline_.stop();
  co_return Result<>{};
}

Task<Result<Wake>> TlsStream::wait_input(Signal& signal, Duration timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    if (!socket_.is_open()) co_return fail(ErrorCode::kCancelled, "wait for input: closed");
    if (signal.take()) co_return Wake::kSignal;
    if (broken_) co_return fail(ErrorCode::kUnavailable, "wait for input: connection lost");
    // A readable socket may hold half a record, or one without bytes of the session: only a look
    // inside tells whether read_some would return.
    char first = 0;
    ERR_clear_error();
    const int status = SSL_peek(ssl_.get(), &first, 1);
    if (status > 0) co_return Wake::kInput;
    CO_TRY_ASSIGN(const Need need, need_after(status, "TLS read"));
    if (need == Need::kEnd) co_return Wake::kInput;
    Duration left{};
    if (timeout > Duration::zero()) {
      left = until - std::chrono::steady_clock::now();
      if (left <= Duration::zero()) co_return Wake::kTimeout;
    }
    CO_TRY_ASSIGN(const Wake wake, co_await wait_socket_input(socket_, signal, left));
    if (wake != Wake::kInput) co_return wake;
  }
}

void TlsStream::close() noexcept {
  if (!socket_.is_open()) return;
  if (established_ && !broken_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // best effort: says goodbye when the socket takes it, never waits
    ERR_clear_error();
  }
  std::error_code ignored;
  socket_.close(ignored);
}

std::string TlsStream::version() const { return SSL_get_version(ssl_.get()); }

std::string TlsStream::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  return cipher != nullptr ? SSL_CIPHER_standard_name(cipher) : "";
}

bool TlsStream::resumed() const { return SSL_session_reused(ssl_.get()) == 1; }

std::string TlsStream::alpn() const {
  const std::uint8_t* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return std::string(reinterpret_cast<const char*>(name), length);
}

std::string TlsStream::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string() : std::string(name);
}

}  // namespace hauspost::tls
