#include "transport/send/client.h"

#include <fmt/format.h>

#include "base/deadline.h"
#include "base/text.h"
#include "protocols/sasl/client.h"

namespace hauspost::transport {

namespace {

using smtp::ReceivedReply;
using Kind = SessionBroken::Kind;

std::unexpected<SessionBroken> broken(Kind kind, std::string_view status, std::string text) {
  return std::unexpected(SessionBroken{kind, std::string(status), std::move(text), false, false});
}

std::unexpected<SessionBroken> broken(Kind kind, const ReceivedReply& reply,
                                      std::string_view basic) {
  return std::unexpected(SessionBroken{kind, reply.status(basic), reply.diagnostic(), true, false});
}

std::unexpected<SessionBroken> broken(const Error& error) {
  switch (error.code) {
    case ErrorCode::kTimeout:
      return broken(Kind::kTimeout, "4.4.2", "the server did not answer in time");
    case ErrorCode::kCancelled: return broken(Kind::kCancelled, "4.3.2", "stopped");
    default: return broken(Kind::kLost, "4.4.2", "the connection was lost: " + error.text);
  }
}

}  // namespace

SmtpClient::SmtpClient(std::unique_ptr<Stream> stream, ClientOptions options, ProtocolTrail trail)
    : stream_(std::move(stream)),
      input_(std::make_unique<smtp::LineInput>(*stream_)),
      options_(std::move(options)),
      trail_(std::move(trail)) {}

SmtpClient::~SmtpClient() {
  if (stream_) stream_->close();
}

Task<Spoken<>> SmtpClient::write(std::string text, Seconds timeout) {
  stream_->set_timeout(timeout);
  trail_.sent(text);
  const auto written = co_await stream_->write(text);
  if (!written) co_return broken(written.error());
  co_return Spoken<>{};
}

Task<Spoken<ReceivedReply>> SmtpClient::read_reply(Seconds timeout) {
  stream_->set_timeout(timeout);
  // The whole reply has that time: who lets an octet fall now and then must not keep a connection.
  Deadline deadline(co_await asio::this_coro::executor, [this] { stream_->close(); });
  deadline.start(timeout);
  smtp::ReplyParser parser;
  for (;;) {
    const auto line = co_await input_->read_line(smtp::kReplyLineMax);
    if (!line && deadline.expired()) co_return broken(Error{ErrorCode::kTimeout, "reply"});
    if (!line) co_return broken(line.error());
    if (line->status == smtp::LineStatus::kLine) trail_.received(line->line);
    switch (parser.feed(*line)) {
      case smtp::ReplyStatus::kNeedMore: continue;
      case smtp::ReplyStatus::kReply: break;
      case smtp::ReplyStatus::kMalformed:
        co_return broken(Kind::kProtocol, "4.5.0",
                         "the server does not speak SMTP: " + std::string(parser.fault()));
    }
    ReceivedReply reply = parser.take();
    // RFC 5321 section 3.8: the server ends the session, whatever it was asked.
    if (reply.code == 421) co_return broken(Kind::kRefused, reply, "3.2");
    co_return reply;
  }
}

Task<Spoken<ReceivedReply>> SmtpClient::ask(std::string command, Seconds timeout) {
  auto written = co_await write(std::move(command) + "\r\n", timeout);
  if (!written) co_return std::unexpected(std::move(written).error());
  co_return co_await read_reply(timeout);
}

Task<Spoken<>> SmtpClient::check_loop(std::string_view name) {
  if (options_.own_name.empty() || !iequals(name, options_.own_name)) co_return Spoken<>{};
  co_return broken(Kind::kLoop, "5.4.6",
                   fmt::format("the server calls itself {}, which is our own name: mail would "
                               "loop",
                               options_.own_name));
}

Task<Spoken<>> SmtpClient::greet() {
  auto greeting = co_await read_reply(options_.timeouts.greeting);
  if (!greeting) co_return std::unexpected(std::move(greeting).error());
  if (!greeting->is_success()) co_return broken(Kind::kRefused, *greeting, "3.2");
  const std::string_view text = greeting->lines.front();
  auto other = co_await check_loop(text.substr(0, text.find(' ')));
  if (!other) co_return std::unexpected(std::move(other).error());
  co_return co_await hello();
}

Task<Spoken<>> SmtpClient::hello() {
  const std::string_view verb = options_.lmtp ? "LHLO" : "EHLO";
  auto reply = co_await ask(fmt::format("{} {}", verb, options_.fqdn), options_.timeouts.command);
  if (!reply) co_return std::unexpected(std::move(reply).error());
  // RFC 5321 section 3.2: a server that does not know EHLO knows HELO.
  const bool unknown = reply->is_permanent() && !options_.lmtp;
  if (unknown) {
    reply = co_await ask("HELO " + options_.fqdn, options_.timeouts.command);
    if (!reply) co_return std::unexpected(std::move(reply).error());
  }
  if (!reply->is_success()) co_return broken(Kind::kRefused, *reply, "5.0");
  peer_ = smtp::parse_extensions(*reply);
  if (unknown) {
    smtp::PeerExtensions plain;
    plain.name = peer_.name;
    peer_ = std::move(plain);
  }
  co_return co_await check_loop(peer_.name);
}

Task<Spoken<>> SmtpClient::start_tls(TlsStarter& starter) {
  auto reply = co_await ask("STARTTLS", options_.timeouts.command);
  if (!reply) co_return std::unexpected(std::move(reply).error());
  if (reply->code != 220) co_return broken(Kind::kTls, *reply, "7.4");
  // What stands behind the reply came in the clear, from whoever could put it there, and would be
  // taken for something said under TLS (RFC 3207 section 6).
  if (!input_->rest().empty()) {
    co_return broken(Kind::kProtocol, "4.5.0",
                     "the server sent something between its reply to STARTTLS and TLS");
  }
  input_.reset();
  auto secured = co_await starter.start(std::move(stream_));
  if (!secured) {
    const bool stopped = secured.error().code == ErrorCode::kCancelled;
    co_return broken(stopped ? Kind::kCancelled : Kind::kTls, "4.7.5", secured.error().text);
  }
  stream_ = std::move(*secured);
  input_ = std::make_unique<smtp::LineInput>(*stream_);
  trail_.note("TLS");
  peer_ = {};
  co_return co_await hello();
}

Task<Spoken<>> SmtpClient::login(std::string user, Secret password, std::string nonce) {
  const auto mechanism = sasl::choose_client_mechanism(peer_.auth, std::move(user),
                                                       std::move(password), std::move(nonce));
  if (!mechanism) {
    co_return broken(Kind::kLogin, "4.7.0",
                     "the server offers no login that we know (SCRAM-SHA-256, PLAIN, LOGIN)");
  }
  std::string line = "AUTH " + std::string(mechanism->name());
  trail_.sent(line);
  if (const auto initial = mechanism->initial()) {
    line += ' ' + (initial->empty() ? "=" : base64_encode(initial->reveal()));
  }
  for (;;) {
    stream_->set_timeout(options_.timeouts.command);
    // Not by write(): this line is nobody's to read.
    const Secret secret(line + "\r\n");
    const auto written = co_await stream_->write(secret.reveal());
    if (!written) co_return broken(written.error());
    auto reply = co_await read_reply(options_.timeouts.command);
    if (!reply) co_return std::unexpected(std::move(reply).error());
    if (reply->is_success() && mechanism->is_complete()) co_return Spoken<>{};
    if (reply->is_success())
      co_return broken(Kind::kLogin, "4.7.0", "the server did not prove that it knows us");
    if (!reply->is_intermediate()) co_return broken(Kind::kLogin, *reply, "7.8");
    const auto challenge = base64_decode(trim(reply->lines.front()));
    auto answer = challenge ? mechanism->respond(*challenge)
                            : Result<Secret>(fail(ErrorCode::kInvalid, "a challenge is no base64"));
    if (!answer) co_return broken(Kind::kLogin, "4.7.0", answer.error().text);
    trail_.sent("***");
    line = base64_encode(answer->reveal());
  }
}

Task<void> SmtpClient::quit() {
  if (!stream_) co_return;
  // Nobody waits for what it says; a server that hears no QUIT logs a lost connection.
  [[maybe_unused]] auto said = co_await ask("QUIT", options_.timeouts.quit);
  trail_.closed();
  stream_->close();
}

}  // namespace hauspost::transport
