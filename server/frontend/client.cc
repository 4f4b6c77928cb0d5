#include "server/frontend/client.h"

#include "base/metrics.h"
#include "base/tls/acme_challenge.h"

namespace hauspost::frontend {

namespace {

metrics::CounterFamily g_handshakes("hauspost_tls_handshakes_total",
                                    "TLS handshakes with clients, by service and outcome.",
                                    {"service", "outcome"});

std::string_view alpn_of(link::Protocol protocol) {
  switch (protocol) {
    case link::Protocol::kImap: return tls::kAlpnImap;
    case link::Protocol::kPop3: return tls::kAlpnPop3;
    case link::Protocol::kSmtp: return tls::kAlpnNone;
    case link::Protocol::kHttp: return tls::kAlpnHttp;
  }
  return tls::kAlpnNone;
}

}  // namespace

SocketClient::SocketClient(TcpSocket socket, ClientFacts facts, CurrentTls current_tls,
                           Signal* stop)
    : Client(std::move(facts)),
      current_tls_(std::move(current_tls)),
      stop_(stop),
      plain_(std::make_unique<TcpStream>(std::move(socket))) {}

Stream& SocketClient::stream() {
  if (encrypted_) return *encrypted_;
  return *plain_;
}

bool SocketClient::can_start_tls() const { return !facts_.tls && current_tls_() != nullptr; }

Task<Result<>> SocketClient::start_tls() {
  const auto context = current_tls_();
  if (!context) co_return fail(ErrorCode::kUnavailable, "no certificate");
  auto accepted = co_await tls::TlsStream::accept(plain_->release(), *context,
                                                  alpn_of(facts_.protocol), stop_);
  g_handshakes.with({facts_.listener, accepted ? "ok" : "failed"}).add();
  CO_TRY_ASSIGN(auto stream, std::move(accepted));
  encrypted_ = std::move(stream);
  plain_.reset();  // it gave its socket away
  facts_.tls = true;
  facts_.tls_version = encrypted_->version();
  facts_.tls_cipher = encrypted_->cipher();
  facts_.acme_proof = encrypted_->alpn() == tls::kAlpnAcme;
  if (facts_.protocol == link::Protocol::kHttp) facts_.server_name = encrypted_->server_name();
  co_return Result<>{};
}

bool SocketClient::can_bind_channel() const { return encrypted_ && encrypted_->can_bind_channel(); }

auth::ChannelBindings SocketClient::channel_bindings() const {
  if (!encrypted_) return {};
  return {encrypted_->exporter_binding(), encrypted_->endpoint_binding()};
}

std::vector<std::string> SocketClient::verified_names() const {
  if (!encrypted_) return {};
  return encrypted_->verified_names();
}

}  // namespace hauspost::frontend
