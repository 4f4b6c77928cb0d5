// Messages: read to their real end, looked at, and handed over.
#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "transport/receive/binary.h"
#include "transport/receive/inspect.h"
#include "transport/receive/session.h"
#include "transport/trace.h"

namespace hauspost::transport {

using smtp::ContentFault;
using smtp::Reply;

namespace {

// A message that is too big is read on to its end, but not for ever.
constexpr std::uint64_t kDiscardFactor = 4;
constexpr std::size_t kFirstReservation = 16 * 1024;
constexpr std::size_t kReservationMax = 1024 * 1024;  // more is believed only when it comes

// Watches that a client sends at least at the least rate.
class RateWatch {
 public:
  RateWatch(const Clock& clock, const ReceiveLimits& limits)
      : clock_(clock), limits_(limits), window_began_(clock.steady()) {}

  bool is_too_slow(std::size_t got) {
    bytes_ += got;
    const auto now = clock_.steady();
    const Seconds window = limits_.data_rate_window;
    if (now - window_began_ < window) return false;
    const auto least = limits_.data_rate_min * static_cast<std::size_t>(window.count());
    const bool slow = bytes_ < least;
    window_began_ = now;
    bytes_ = 0;
    return slow;
  }

 private:
  const Clock& clock_;
  const ReceiveLimits& limits_;
  std::chrono::steady_clock::time_point window_began_;
  std::size_t bytes_ = 0;
};

// Gives the session its normal time-out back however reading ends.
class DataTimeout {
 public:
  DataTimeout(Stream& stream, const ReceiveLimits& limits) : stream_(stream), limits_(limits) {
    stream_.set_timeout(std::min(limits.command_timeout, limits.data_rate_window));
  }
  ~DataTimeout() { stream_.set_timeout(limits_.command_timeout); }
  DataTimeout(const DataTimeout&) = delete;
  DataTimeout& operator=(const DataTimeout&) = delete;

 private:
  Stream& stream_;
  const ReceiveLimits& limits_;
};

// What each answer of LMTP is about after a filter had the message; behind the last: it was taken
// away.
void follow_recipients(std::vector<std::size_t>& answers, const std::vector<std::string>& before,
                       const std::vector<TakenRecipient>& after) {
  for (std::size_t& which : answers) {
    const auto still = std::ranges::find_if(after, [&](const TakenRecipient& taken) {
      return taken.recipient.address == before[which];
    });
    which = static_cast<std::size_t>(still - after.begin());
  }
}

}  // namespace

// kTimeout also for a client that is slower than the least rate, kExhausted for a message that does
// not end.
template <class Reader>
Task<Result<>> Session::read_content(Reader& reader, bool (*done)(const Reader&)) {
  const DataTimeout timeout(stream_, limits_);
  RateWatch rate(services_.clock, limits_);
  std::uint64_t total = 0;
  while (!done(reader)) {
    CO_TRY_ASSIGN(const std::string_view bytes, co_await input_.peek());
    const std::size_t took = reader.feed(bytes);
    input_.consume(took);
    total += took;
    if (rate.is_too_slow(took)) co_return fail(ErrorCode::kTimeout, "client too slow");
    if (total > kDiscardFactor * limits_.message_bytes_max) {
      co_return fail(ErrorCode::kExhausted, "message without end");
    }
  }
  co_return Result<>{};
}

Task<Result<>> Session::receive_data() {
  // RFC 3030 section 3: such a message cannot come in lines.
  if (is_binary())
    co_return co_await say({{503, "5.5.1", "A message of BODY=BINARYMIME comes by BDAT"}});
  smtp::append_reply(out_, {354, {}, "Send the message, end with CRLF.CRLF"});
  CO_TRY(co_await flush());
  message_.reserve(std::clamp<std::size_t>(transaction_.mail.size.value_or(0) + 1024,
                                           kFirstReservation, kReservationMax));
  smtp::DataReader reader(message_, limits_.message_bytes_max);
  auto read = co_await read_content(reader, +[](const smtp::DataReader& r) { return r.done(); });
  if (!read && read.error().code == ErrorCode::kExhausted) {
    co_return co_await say({{421, "4.3.4", name() + " Message too big"}});
  }
  if (!read) co_return read;
  co_return co_await finish_message(reader.fault());
}

// RFC 3030 section 2. The chunk's octets are taken whatever the answer will be.
Task<Result<>> Session::receive_chunk(smtp::BdatCommand command) {
  const bool offered = !check_offered(smtp::kChunkingExtension);
  const bool wanted = offered && (state_ == State::kRcpt || state_ == State::kChunks);
  if (command.bytes > kDiscardFactor * limits_.message_bytes_max) {
    co_return co_await say({{421, "4.3.4", name() + " Chunk too big"}});
  }
  std::string unwanted;
  smtp::ChunkReader discard(unwanted, 0);
  if (wanted && !chunks_) chunks_.emplace(message_, limits_.message_bytes_max);
  smtp::ChunkReader& reader = wanted ? *chunks_ : discard;
  reader.begin_chunk(command.bytes);
  CO_TRY(co_await read_content(reader, +[](const smtp::ChunkReader& r) { return r.chunk_done(); }));
  if (!offered) co_return co_await say({{502, "5.5.1", "BDAT is not offered here"}});
  if (!wanted && state_ == State::kMail && transaction_.refused > 0) {
    co_return co_await say({{554, "5.5.1", "No valid recipients"}});
  }
  if (!wanted) co_return co_await say({{503, "5.5.1", "MAIL and RCPT first"}});
  enter(State::kChunks);
  if (command.last) {
    reader.finish();
    co_return co_await finish_message(reader.fault());
  }
  if (reader.fault() == ContentFault::kTooBig) {
    reset();  // the one answer is to this chunk; there will be no last one (RFC 3030 section 2)
    co_return co_await say({smtp::refusal(ContentFault::kTooBig)});
  }
  co_return co_await say({{250, "2.0.0", fmt::format("{} octets received", command.bytes)}});
}

HeaderScan Session::scan() const {
  return scan_header(message_, limits_.header_bytes_max, limits_.header_fields_max,
                     {.hostname = services_.hostname, .routing = !rights_.has(kRoutingHeaders)});
}

std::optional<Reply> Session::check_header(const HeaderScan& scan) const {
  if (scan.received >= limits_.hops_max) return Reply{554, "5.4.6", "Too many hops"};
  if (scan.received_by_us >= limits_.local_hops_max)
    return Reply{554, "5.4.6", "Mail loop: this message was here before, too often"};
  if (scan.bytes > limits_.header_bytes_max) return Reply{554, "5.6.0", "Header too big"};
  if (scan.fields > limits_.header_fields_max) return Reply{554, "5.6.0", "Too many header fields"};
  if (scan.longest_field > limits_.header_field_bytes_max) {
    return Reply{554, "5.6.0", "Header field too big"};
  }
  return std::nullopt;
}

Envelope Session::make_envelope() const {
  const smtp::MailCommand& mail = transaction_.mail;
  Envelope envelope;
  envelope.delivery = Guid::ordered();
  envelope.sender = transaction_.sender();
  envelope.received = services_.clock.now();
  envelope.envid = mail.envid;
  envelope.ret = mail.ret;
  envelope.smtputf8 = mail.smtputf8;
  envelope.eight_bit = mail.body.value_or(smtp::BodyType::k7Bit) != smtp::BodyType::k7Bit;
  envelope.require_tls = mail.require_tls;
  envelope.priority = mail.priority.value_or(0);
  if (mail.hold_for_s) envelope.hold_until = envelope.received + Seconds(*mail.hold_for_s);
  // What is past holds nothing.
  if (mail.hold_until_s &&
      *mail.hold_until_s >
          std::chrono::floor<Seconds>(envelope.received).time_since_epoch().count())
    envelope.hold_until = WallTime(Seconds(*mail.hold_until_s));
  if (mail.deliver_by) {
    envelope.deliver_by = envelope.received + Seconds(mail.deliver_by->seconds);
    envelope.deliver_by_notify = mail.deliver_by->notify;
    envelope.deliver_by_trace = mail.deliver_by->trace;
  }
  envelope.connector = connector_->name;
  envelope.client_address = start_.client_address;
  envelope.session = start_.session;
  if (rights_.is_authenticated()) envelope.user = *start_.mailbox;
  return envelope;
}

Incoming Session::make_incoming(const HeaderScan& scan) {
  Incoming incoming;
  incoming.envelope = make_envelope();
  const Envelope& envelope = incoming.envelope;
  incoming.id = to_hex(envelope.delivery.as_bytes());
  incoming.recipients = std::move(transaction_.recipients);
  const std::string_view only =
      incoming.recipients.size() == 1 ? std::string_view(incoming.recipients.front().path) : "";
  incoming.prefix =
      received_field(start_, {services_.hostname, incoming.id, only, envelope.smtputf8,
                              envelope.received, connector_->is_lmtp()});
  if (rights_.is_authenticated()) {  // RFC 6409 section 8: what a submission server adds
    if (!scan.has_date) incoming.prefix += "Date: " + rfc5322_date(envelope.received) + "\r\n";
    if (!scan.has_message_id) {
      incoming.prefix += fmt::format("Message-ID: <{}@{}>\r\n", incoming.id, services_.hostname);
    }
  }
  incoming.message = std::move(message_);
  return incoming;
}

// What nobody outside may say in our name, and what the session's rights do not cover. Return-Path
// is for final delivery alone (RFC 5321 section 4.4).
void Session::apply_firewall(const HeaderScan& scan, std::string& message) const {
  std::vector<HeaderScan::Span> unwanted = scan.return_path;
  const auto add = [&](const std::vector<HeaderScan::Span>& spans, bool wanted) {
    if (!wanted) unwanted.insert(unwanted.end(), spans.begin(), spans.end());
  };
  const bool trusted = rights_.has(kOrganisationHeaders);
  add(scan.organisation, trusted);
  add(scan.our_results, trusted);
  add(scan.routing, rights_.has(kRoutingHeaders));
  add(scan.bcc, !rights_.is_authenticated());
  remove_fields(message, std::move(unwanted));
}

Task<Result<>> Session::say_of_message(Reply reply) {
  const std::size_t answers =
      connector_->is_lmtp() ? std::max<std::size_t>(transaction_.answers.size(), 1) : 1;
  reset();
  co_return co_await say_each(std::vector<Reply>(answers, reply));
}

// One message is one error, however many are told of it.
Task<Result<>> Session::say_each(std::vector<Reply> replies) {
  const std::size_t before = errors_;
  std::size_t after = before;
  for (Reply& reply : replies) {
    errors_ = before;
    CO_TRY(co_await say({std::move(reply)}));
    after = std::max(after, errors_);
  }
  errors_ = after;
  co_return Result<>{};
}

Task<Result<>> Session::refuse_message(Incoming incoming, Reply reply) {
  track_refused(incoming, reply);
  co_return co_await say_of_message(std::move(reply));
}

// RFC 2033 section 4.2: each recipient has an answer of its own, so each is handed over alone.
Task<Result<>> Session::hand_over_each(Incoming incoming) {
  const std::vector<std::size_t> answers = std::move(transaction_.answers);
  reset();
  const std::vector<TakenRecipient> recipients = std::exchange(incoming.recipients, {});
  incoming.envelope.network = incoming.envelope.delivery;
  std::vector<Reply> replies;
  for (const TakenRecipient& recipient : recipients) {
    Incoming one = incoming;
    one.recipients.push_back(recipient);
    if (!replies.empty()) one.envelope.delivery = Guid::ordered();
    CO_TRY_ASSIGN(Reply reply, co_await hand_over(services_, std::move(one)));
    replies.push_back(std::move(reply));
  }
  std::vector<Reply> said;
  for (const std::size_t which : answers)
    said.push_back(which < replies.size() ? replies[which] : Reply{250, "2.0.0", "Ok"});
  co_return co_await say_each(std::move(said));
}

Task<Result<>> Session::finish_message(ContentFault fault) {
  ++messages_;
  const bool may_be_binary = is_binary();
  const bool bad = may_be_binary ? fault == ContentFault::kTooBig : fault != ContentFault::kNone;
  const HeaderScan found = scan();
  if (bad) co_return co_await refuse_message(make_incoming(found), smtp::refusal(fault));
  auto refused = check_header(found);
  if (!refused) refused = check_size(message_.size());
  if (refused) co_return co_await refuse_message(make_incoming(found), std::move(*refused));
  Incoming incoming = make_incoming(found);
  refused = check_author(found, incoming);
  if (refused) co_return co_await refuse_message(std::move(incoming), std::move(*refused));
  const bool trusted = rights_.is_authenticated() || rights_.has(kOrganisationHeaders);
  if (services_.authentication != nullptr && !trusted) {
    refused = co_await inspect_message(services_, {start_.client_address, start_.hello}, incoming);
    if (refused) co_return co_await refuse_message(std::move(incoming), std::move(*refused));
  }
  // Here `message` is as the client sent it; from here on it is what goes on.
  apply_firewall(found, incoming.message);
  if (services_.authentication != nullptr && !trusted) remove_false_results(services_, incoming);
  if (may_be_binary) {
    auto lines = without_binary(std::move(incoming.message));
    if (!lines)
      co_return co_await refuse_message(std::move(incoming), std::move(lines).error());
    incoming.message = std::move(*lines);
  }
  if (!found.well_formed) incoming.prefix += "\r\n";
  if (filter_) {
    std::vector<std::string> asked;
    if (connector_->is_lmtp()) {
      for (const TakenRecipient& taken : incoming.recipients)
        asked.push_back(taken.recipient.address);
    }
    auto answer = co_await filter_->on_message(incoming);
    if (answer) co_return co_await say_of_message(std::move(*answer));
    follow_recipients(transaction_.answers, asked, incoming.recipients);
  }
  if (connector_->is_lmtp()) co_return co_await hand_over_each(std::move(incoming));
  reset();
  CO_TRY_ASSIGN(Reply reply, co_await hand_over(services_, std::move(incoming)));
  if (!reply.is_failure()) junk_ = 0;  // a session that brings mail may say RSET before each
  co_return co_await say({std::move(reply)});
}

}  // namespace hauspost::transport
