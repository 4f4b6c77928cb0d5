#include "transport/send/socket_tls.h"

#include <asio/ip/address.hpp>

#include "base/socket_stream.h"

namespace hauspost::transport {

Task<Result<std::unique_ptr<Stream>>> SocketTls::start(std::unique_ptr<Stream> clear) {
  auto* const tcp = dynamic_cast<TcpStream*>(clear.get());
  if (tcp == nullptr) co_return fail(ErrorCode::kInvalid, "TLS is for TCP connections alone");
  // RFC 6066 section 3: an address is no name to ask for.
  std::error_code code;
  asio::ip::make_address(server_name_, code);
  const std::string name = code ? server_name_ : std::string();
  auto stream = co_await tls::TlsStream::connect(tcp->release(), context_, name);
  if (!stream) {
    text_ = stream.error().text;
    failure_ = dns::TlsFailure::kValidationFailure;
    co_return fail(std::move(stream).error());
  }
  text_ = (*stream)->version() + " " + (*stream)->cipher();
  if (demand_.watch) failure_ = tls_failure((*stream)->check_server(*demand_.watch, roots_));
  if (demand_.check) {
    const tls::ServerVerdict verdict = (*stream)->check_server(*demand_.check, roots_);
    if (!verdict.good()) {
      failure_ = tls_failure(verdict);
      text_ = "the certificate of " + server_name_ + " is refused: " + verdict.text;
      co_return fail(ErrorCode::kUnavailable, text_);
    }
    checked_ = true;
  }
  co_return std::unique_ptr<Stream>(std::move(*stream));
}

}  // namespace hauspost::transport
