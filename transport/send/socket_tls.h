// SocketTls: STARTTLS over a TCP connection: the handshake, and whether the server's certificate
// is what it has to be.
#pragma once

#include "base/tls/tls_stream.h"
#include "transport/send/client.h"
#include "transport/send/tls_demand.h"

namespace hauspost::transport {

class SocketTls final : public TlsStarter {
 public:
  // All of them outlive it; `roots` may be null.
  SocketTls(const tls::TlsContext& context, const tls::TrustedRoots* roots, std::string server_name,
            const TlsDemand& demand)
      : context_(context), roots_(roots), server_name_(std::move(server_name)), demand_(demand) {}

  // kUnavailable also when the certificate is not good enough: text() and failure() say why.
  Task<Result<std::unique_ptr<Stream>>> start(std::unique_ptr<Stream> clear) override;

  dns::TlsFailure failure() const { return failure_; }  // of `watch`, too
  bool checked() const { return checked_; }             // the demand's check held
  const std::string& text() const { return text_; }     // "TLSv1.3 TLS_AES_128_GCM_SHA256", or why

 private:
  const tls::TlsContext& context_;
  const tls::TrustedRoots* roots_;
  std::string server_name_;
  const TlsDemand& demand_;
  dns::TlsFailure failure_ = dns::TlsFailure::kNone;
  bool checked_ = false;
  std::string text_;
};

}  // namespace hauspost::transport
