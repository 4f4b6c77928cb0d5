// TlsStream: a Stream under TLS, straight over a TCP socket.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/stream.h"
#include "base/tls/tls_context.h"

struct ssl_st;

namespace hauspost::tls {

struct ServerCheck;
struct ServerVerdict;
class TrustedRoots;

inline constexpr std::chrono::seconds kHandshakeTimeout{15};

// ALPN names (RFC 7301) of the protocols that have one.
inline constexpr std::string_view kAlpnImap = "imap";
inline constexpr std::string_view kAlpnPop3 = "pop3";
inline constexpr std::string_view kAlpnHttp = "http/1.1";
inline constexpr std::string_view kAlpnNone;

class TlsStream final : public Stream {
 public:
  // Server side of a handshake on a connected socket. `alpn` is one of the constants above; a
  // client that offers only others is turned away. kTimeout after kHandshakeTimeout; kInvalid when
  // the peer speaks no acceptable TLS; kUnavailable when it went away; kCancelled when `stop`,
  // which may be null, is set or was already. The socket is closed on failure.
  static Task<Result<std::unique_ptr<TlsStream>>> accept(TcpSocket socket,
                                                         const TlsContext& context,
                                                         std::string_view alpn = kAlpnNone,
                                                         Signal* stop = nullptr);
  // Client side. `server_name` is sent (SNI) and, when the context has roots, verified.
  static Task<Result<std::unique_ptr<TlsStream>>> connect(TcpSocket socket,
                                                          const TlsContext& context,
                                                          std::string server_name,
                                                          std::string_view alpn = kAlpnNone);
  ~TlsStream() override;

  // An end of the connection without close_notify is kUnavailable, not the end of the bytes.
  Task<Result<std::size_t>> read_some(std::span<char> into) override;
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override;
  Task<Result<Wake>> wait_input(Signal& signal, Duration timeout) override;
  void set_timeout(Duration timeout) override { timeout_ = timeout; }
  void close() noexcept override;

  std::string version() const;  // "TLSv1.3"
  std::string cipher() const;   // "TLS_AES_128_GCM_SHA256"
  bool resumed() const;
  std::string alpn() const;  // empty when none was agreed on
  // Server side: the name that the client asked for (SNI); empty: none.
  std::string server_name() const;

  // The addresses (rfc822Name) in the client's certificate, or its common name when it has none.
  // Empty: no certificate, or none that an authority of the context has signed (client_certificate.cc).
  std::vector<std::string> verified_names() const;
  // Of a client's connection: whether the server's certificate is what it has to be
  // (server_check.h). `roots` null: nobody is trusted.
  ServerVerdict check_server(const ServerCheck& check, const TrustedRoots* roots) const;
  // Channel bindings of the server's side (channel_binding.cc); empty: this connection has none.
  bool can_bind_channel() const;         // exporter_binding() has something
  std::string exporter_binding() const;  // "tls-exporter", RFC 9266; of either side
  std::string endpoint_binding() const;  // "tls-server-end-point", RFC 5929 section 4

 private:
  struct Free {
    void operator()(ssl_st* ssl) const noexcept;
  };
  enum class Need { kNothing, kRead, kWrite, kEnd };

  TlsStream(TcpSocket socket, ssl_st* ssl);
  static Result<std::unique_ptr<TlsStream>> make(TcpSocket socket, const TlsContext& context);
  Task<Result<>> handshake(Signal* stop = nullptr);
  // What the library wants after a call that returned `status`; errors are final.
  Result<Need> need_after(int status, std::string_view what);
  Task<Result<>> wait_for(Need need, const Deadline& deadline, std::string_view what);
  Task<Result<>> write_one(std::string_view bytes);
  void cancel_socket() noexcept;

  TcpSocket socket_;
  std::unique_ptr<ssl_st, Free> ssl_;
  Deadline read_deadline_;
  Deadline write_deadline_;
  Duration timeout_{};
  std::string_view served_alpn_;  // one of the constants above; the library points here
  bool established_ = false;
  unsigned reads_without_wait_ = 0;
  bool broken_ = false;  // the library may not be called any more (fatal error)
};

}  // namespace hauspost::tls
