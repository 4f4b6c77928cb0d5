// SmtpClient: one session with one server, SMTP or LMTP, over any stream (RFC 5321, RFC 2033). It
// speaks; whom to, and what follows from the answers, others decide.
#pragma once

#include <algorithm>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/stream.h"
#include "protocols/smtp/line_input.h"
#include "protocols/smtp/peer_extensions.h"
#include "transport/send/outgoing.h"
#include "transport/track/protocol_log.h"

namespace hauspost::transport {

// RFC 5321 section 4.5.3.2.
struct ClientTimeouts {
  Seconds greeting{300};
  Seconds command{300};  // EHLO, MAIL, RCPT, AUTH, STARTTLS, RSET
  Seconds data_start{120};
  Seconds data_block{180};
  Seconds data_end{600};
  Seconds quit{5};

  ClientTimeouts at_most(Seconds limit) const {
    return {std::min(greeting, limit),   std::min(command, limit),  std::min(data_start, limit),
            std::min(data_block, limit), std::min(data_end, limit), std::min(quit, limit)};
  }
};

struct ClientOptions {
  std::string fqdn;  // what EHLO says
  bool lmtp = false;
  // A server that calls itself so is us; empty: anybody may.
  std::string own_name;
  ClientTimeouts timeouts;
};

// Why a session came to its end. Nothing more can be said in it.
struct SessionBroken {
  enum class Kind : std::uint8_t {
    kRefused,  // the server refuses to serve at all: greeting, EHLO, any 421
    kLost,     // the connection ended or broke
    kTimeout,
    kProtocol,  // what came was no SMTP
    kTls,       // the handshake failed, or its result was not good enough
    kLogin,     // AUTH was refused, or is not possible
    kLoop,      // the server is us
    kCancelled,
  };
  Kind kind = Kind::kLost;
  std::string status;      // enhanced, "4.4.2"
  std::string diagnostic;  // the reply as received when `from_peer`, else our own words
  bool from_peer = false;
  // The message may have been taken: its end was sent and no answer came.
  bool after_data = false;
};
template <class T = void>
using Spoken = std::expected<T, SessionBroken>;

// Puts TLS over a stream in the clear.
class TlsStarter {
 public:
  virtual ~TlsStarter() = default;
  // The stream is gone when it fails.
  virtual Task<Result<std::unique_ptr<Stream>>> start(std::unique_ptr<Stream> clear) = 0;
};

// REQUIRES: the thread of the stream; one call at a time. After SessionBroken only quit()
// and destruction.
class SmtpClient {
 public:
  SmtpClient(std::unique_ptr<Stream> stream, ClientOptions options, ProtocolTrail trail);
  ~SmtpClient();

  // Greeting and EHLO (HELO where that is not known), or LHLO.
  Task<Spoken<>> greet();
  // STARTTLS and EHLO again. REQUIRES: peer().starttls. kTls also when the server answers no.
  Task<Spoken<>> start_tls(TlsStarter& starter);
  // REQUIRES: TLS. kLogin with the server's words when it refuses.
  Task<Spoken<>> login(std::string user, Secret password, std::string nonce);

  const smtp::PeerExtensions& peer() const { return peer_; }
  // MAIL was taken, and the transaction did not end.
  bool in_transaction() const { return dirty_; }

  // One transaction for those recipients of `outgoing` that have no result yet, as far as the
  // server takes them at once (RFC 5321 section 4.5.3.1.10, RFC 9422); calls are repeated until all
  // have one. Every call but a broken one gives at least one result.
  Task<Spoken<>> send(Outgoing& outgoing, const Prepared& prepared);

  // QUIT, and a short wait for its answer; then the stream is closed.
  Task<void> quit();

 private:
  enum class Step : std::uint8_t { kRset, kMail, kRcpt, kData };
  struct Command {
    Step step;
    std::string text;
    std::size_t recipient = 0;  // of kRcpt
  };
  struct Transaction;

  Task<Spoken<>> write(std::string text, Seconds timeout);
  Task<Spoken<smtp::ReceivedReply>> read_reply(Seconds timeout);
  Task<Spoken<smtp::ReceivedReply>> ask(std::string command, Seconds timeout);
  Task<Spoken<>> hello();
  Task<Spoken<>> check_loop(std::string_view name);
  Task<Spoken<>> negotiate(Transaction& transaction);
  Task<Spoken<>> answer(Transaction& transaction, const Command& command);
  Task<Spoken<>> transfer(Transaction& transaction);
  Task<Spoken<>> transfer_data(Transaction& transaction);
  Task<Spoken<>> transfer_chunk(Transaction& transaction);
  Task<Spoken<>> write_content(std::span<const std::string_view> pieces);
  Task<Spoken<>> read_outcome(Transaction& transaction);
  void settle(Transaction& transaction, const smtp::ReceivedReply& reply);
  std::vector<std::size_t> choose_recipients(const Outgoing& outgoing) const;

  std::unique_ptr<Stream> stream_;
  std::unique_ptr<smtp::LineInput> input_;  // of stream_
  ClientOptions options_;
  ProtocolTrail trail_;
  smtp::PeerExtensions peer_;
  bool dirty_ = false;  // a transaction was begun and not ended: RSET comes first
};

}  // namespace hauspost::transport
