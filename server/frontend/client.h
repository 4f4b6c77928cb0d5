// Client: the client's end of a session: where it comes from, and a stream that may go under TLS.
#pragma once

#include <memory>
#include <string>

#include "base/link/session_link.h"
#include "base/socket_stream.h"
#include "base/tls/tls_stream.h"
#include "server/auth/identity.h"
#include "transport/receive/connector.h"

namespace hauspost::frontend {

struct ClientFacts {
  std::string address;
  std::uint16_t port = 0;
  // "smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "http", "https"
  std::string listener;
  link::Protocol protocol = link::Protocol::kImap;
  bool submission = false;    // SMTP: mail of our own users
  bool implicit_tls = false;  // TLS from the first byte
  bool plain_logins = false;  // passwords are taken without TLS, too
  bool tls = false;
  std::string tls_version;
  std::string tls_cipher;
  bool acme_proof = false;  // the handshake was a certificate authority's, and all that it wanted
  std::string server_name = {};  // HTTP under TLS: the name that was asked for; empty: none
  // SMTP: by whose rules; null: by those of the listener's name.
  std::shared_ptr<const transport::ReceiveConnector> connector = nullptr;

  bool may_log_in() const { return tls || plain_logins; }
};

// What has gone over a session so far, for those who ask.
struct Traffic {
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_word = begun;  // of the client
  std::uint64_t bytes_in = 0;                               // from the client, after login
  std::uint64_t bytes_out = 0;                              // to the client, after login
};

class Client {
 public:
  explicit Client(ClientFacts facts) : facts_(std::move(facts)) {}
  virtual ~Client() = default;

  // May be another object after start_tls().
  virtual Stream& stream() = 0;
  virtual bool can_start_tls() const = 0;
  // Server side of the handshake; then facts() tell of TLS. After an error the stream is closed.
  virtual Task<Result<>> start_tls() = 0;
  // What SCRAM-...-PLUS binds to.
  virtual bool can_bind_channel() const { return false; }
  virtual auth::ChannelBindings channel_bindings() const { return {}; }
  // Whom the client's certificate names; empty: no certificate that an authority of ours has signed.
  virtual std::vector<std::string> verified_names() const { return {}; }
  const ClientFacts& facts() const { return facts_; }
  Traffic& traffic() { return traffic_; }

 protected:
  ClientFacts facts_;
  Traffic traffic_;
};

// Over a connected socket. The context is asked for at each handshake, for it may be renewed.
class SocketClient final : public Client {
 public:
  using CurrentTls = std::function<std::shared_ptr<const tls::TlsContext>()>;  // null: no TLS
  // A handshake ends when `stop` is set; null: there is nothing that could end it.
  SocketClient(TcpSocket socket, ClientFacts facts, CurrentTls current_tls, Signal* stop = nullptr);

  Stream& stream() override;
  bool can_start_tls() const override;
  Task<Result<>> start_tls() override;
  bool can_bind_channel() const override;
  auth::ChannelBindings channel_bindings() const override;
  std::vector<std::string> verified_names() const override;

 private:
  CurrentTls current_tls_;
  Signal* stop_;
  std::unique_ptr<TcpStream> plain_;
  std::unique_ptr<tls::TlsStream> encrypted_;
};

}  // namespace hauspost::frontend
