// Messages: read to their real end, looked at, and handed over.
#include "base/log.h"
#include "base/text.h"
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
  RateWatch(const Services& services)
      : services_(services), window_began_(services.clock.steady()) {}

  bool is_too_slow(std::size_t got) {
    bytes_ += got;
    const auto now = services_.clock.steady();
    const Seconds window = services_.limits.data_rate_window;
    if (now - window_began_ < window) return false;
    const auto least = services_.limits.data_rate_min * static_cast<std::size_t>(window.count());
    const bool slow = bytes_ < least;
    window_began_ = now;
    bytes_ = 0;
    return slow;
  }

 private:
  const Services& services_;
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

}  // namespace

// kTimeout also for a client that is slower than the least rate, kExhausted for a message that does
// not end.
template <class Reader>
Task<Result<>> Session::read_content(Reader& reader, bool (*done)(const Reader&)) {
  const DataTimeout timeout(stream_, services_.limits);
  RateWatch rate(services_);
  std::uint64_t total = 0;
  while (!done(reader)) {
    CO_TRY_ASSIGN(const std::string_view bytes, co_await input_.peek());
    const std::size_t took = reader.feed(bytes);
    input_.consume(took);
    total += took;
    if (rate.is_too_slow(took)) co_return fail(ErrorCode::kTimeout, "client too slow");
    if (total > kDiscardFactor * services_.limits.message_bytes_max) {
      co_return fail(ErrorCode::kExhausted, "message without end");
    }
  }
  co_return Result<>{};
}

Task<Result<>> Session::receive_data() {
  smtp::append_reply(out_, {354, {}, "Send the message, end with CRLF.CRLF"});
  CO_TRY(co_await flush());
  message_.reserve(std::clamp<std::size_t>(transaction_.mail.size.value_or(0) + 1024,
                                           kFirstReservation, kReservationMax));
  smtp::DataReader reader(message_, services_.limits.message_bytes_max);
  auto read = co_await read_content(reader, +[](const smtp::DataReader& r) { return r.done(); });
  if (!read && read.error().code == ErrorCode::kExhausted) {
    co_return co_await say({{421, "4.3.4", services_.hostname + " Message too big"}});
  }
  if (!read) co_return read;
  co_return co_await finish_message(reader.fault());
}

// RFC 3030 section 2. The chunk's octets are taken whatever the answer will be.
Task<Result<>> Session::receive_chunk(smtp::BdatCommand command) {
  const bool wanted = state_ == State::kRcpt || state_ == State::kChunks;
  if (command.bytes > kDiscardFactor * services_.limits.message_bytes_max) {
    co_return co_await say({{421, "4.3.4", services_.hostname + " Chunk too big"}});
  }
  std::string unwanted;
  smtp::ChunkReader discard(unwanted, 0);
  if (wanted && !chunks_) chunks_.emplace(message_, services_.limits.message_bytes_max);
  smtp::ChunkReader& reader = wanted ? *chunks_ : discard;
  reader.begin_chunk(command.bytes);
  CO_TRY(co_await read_content(reader, +[](const smtp::ChunkReader& r) { return r.chunk_done(); }));
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
    reset();
    co_return co_await say({smtp::refusal(ContentFault::kTooBig)});
  }
  co_return co_await say({{250, "2.0.0", fmt::format("{} octets received", command.bytes)}});
}

std::optional<Reply> Session::check_header(const HeaderScan& scan) const {
  const ReceiveLimits& limits = services_.limits;
  if (scan.received >= limits.hops_max) return Reply{554, "5.4.6", "Too many hops"};
  if (scan.bytes > limits.header_bytes_max) return Reply{554, "5.6.0", "Header too big"};
  if (scan.fields > limits.header_fields_max) return Reply{554, "5.6.0", "Too many header fields"};
  if (scan.longest_field > limits.header_field_bytes_max) {
    return Reply{554, "5.6.0", "Header field too big"};
  }
  return std::nullopt;
}

Incoming Session::make_incoming(const HeaderScan& scan) {
  Incoming incoming;
  Envelope& envelope = incoming.envelope;
  envelope.delivery = Guid::ordered();
  envelope.sender = transaction_.sender();
  envelope.received = services_.clock.now();
  envelope.envid = transaction_.mail.envid;
  envelope.ret = transaction_.mail.ret;
  envelope.smtputf8 = transaction_.mail.smtputf8;
  envelope.eight_bit = transaction_.mail.body == smtp::BodyType::k8BitMime;
  envelope.session = start_.session;
  if (rights_.is_authenticated()) envelope.user = *start_.mailbox;
  incoming.id = to_hex(envelope.delivery.as_bytes());
  incoming.recipients = std::move(transaction_.recipients);
  const std::string_view only =
      incoming.recipients.size() == 1 ? std::string_view(incoming.recipients.front().path) : "";
  incoming.prefix = received_field(
      start_, {services_.hostname, incoming.id, only, envelope.smtputf8, services_.clock.now()});
  if (rights_.is_authenticated()) {  // RFC 6409 section 8: what a submission server adds
    if (!scan.has_date) incoming.prefix += "Date: " + rfc5322_date(envelope.received) + "\r\n";
    if (!scan.has_message_id) {
      incoming.prefix += fmt::format("Message-ID: <{}@{}>\r\n", incoming.id, services_.hostname);
    }
    remove_bcc(message_, scan);
  }
  if (!scan.well_formed) incoming.prefix += "\r\n";
  incoming.message = std::move(message_);
  return incoming;
}

Task<Result<>> Session::finish_message(ContentFault fault) {
  ++messages_;
  if (fault != ContentFault::kNone) {
    reset();
    co_return co_await say({smtp::refusal(fault)});
  }
  const HeaderScan scan =
      scan_header(message_, services_.limits.header_bytes_max, services_.limits.header_fields_max);
  auto refused = check_header(scan);
  if (!refused) refused = check_size(message_.size());
  if (refused) {
    reset();
    co_return co_await say({std::move(*refused)});
  }
  Incoming incoming = make_incoming(scan);
  reset();
  CO_TRY_ASSIGN(Reply reply, co_await hand_over(services_, std::move(incoming)));
  if (!reply.is_failure()) junk_ = 0;  // a session that brings mail may say RSET before each
  co_return co_await say({std::move(reply)});
}

}  // namespace hauspost::transport
