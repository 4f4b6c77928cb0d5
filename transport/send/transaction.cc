// One mail transaction: MAIL, RCPT, then DATA or BDAT (RFC 5321 section 3.3, RFC 2920, RFC 3030).
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "transport/send/client.h"

namespace hauspost::transport {

namespace {

using smtp::ReceivedReply;
using ResultKind = RecipientResult::Kind;

// Commands that are sent before their replies are read: what both sides' buffers hold at the
// least, so that neither waits for the other (RFC 2920 section 3.1).
constexpr std::size_t kPipelineMax = 64;
// Of one transaction where the server does not tell: RFC 5321 section 4.5.3.1.8 asks for 100.
constexpr std::size_t kRecipientsMax = 1000;
// Octets between two looks at the clock.
constexpr std::size_t kBlockBytes = 64 * 1024;

RecipientResult result_of(const ReceivedReply& reply, ResultKind success, std::string_view basic) {
  ResultKind kind = ResultKind::kDeferred;
  if (reply.is_success()) kind = success;
  if (reply.is_permanent()) kind = ResultKind::kFailed;
  return {.kind = kind,
          // A 3xx that nobody asked for says nothing of the kind (RFC 5321 section 4.2.1).
          .status = reply.is_intermediate() ? "4.5.0" : reply.status(basic),
          .diagnostic = reply.diagnostic(),
          .remote_host = {}};
}

std::string_view domain_of(std::string_view address) {
  const std::size_t at = address.rfind('@');
  return at == address.npos ? std::string_view() : address.substr(at + 1);
}

}  // namespace

struct SmtpClient::Transaction {
  Outgoing& outgoing;
  const Prepared& prepared;
  std::vector<Command> commands;
  bool mail_taken = false;
  std::vector<std::size_t> accepted;       // recipients, in order
  std::vector<std::size_t> not_this_time;  // refused as too many: the next transaction's
  std::optional<ReceivedReply> too_many;   // the last such reply
  bool data_open = false;                  // 354
};

std::vector<std::size_t> SmtpClient::choose_recipients(const Outgoing& outgoing) const {
  std::size_t most = kRecipientsMax;
  if (peer_.recipients_max != 0) most = std::min<std::size_t>(most, peer_.recipients_max);
  std::vector<std::size_t> chosen;
  std::vector<std::string> domains;
  for (std::size_t i = 0; i < outgoing.results.size() && chosen.size() < most; ++i) {
    if (outgoing.results[i]) continue;
    if (peer_.recipient_domains_max != 0) {
      const std::string domain = ascii_lower(domain_of(outgoing.envelope.recipients[i].address));
      const bool known = std::ranges::find(domains, domain) != domains.end();
      if (!known && domains.size() >= peer_.recipient_domains_max) continue;
      if (!known) domains.push_back(domain);
    }
    chosen.push_back(i);
  }
  return chosen;
}

Task<Spoken<>> SmtpClient::send(Outgoing& outgoing, const Prepared& prepared) {
  Transaction transaction{.outgoing = outgoing, .prepared = prepared};
  if (dirty_) transaction.commands.push_back({Step::kRset, "RSET"});
  transaction.commands.push_back({Step::kMail, prepared.mail});
  const std::size_t fixed = transaction.commands.size();
  for (const std::size_t i : choose_recipients(outgoing)) {
    auto command = rcpt_command(outgoing.envelope.recipients[i], prepared);
    if (command) {
      transaction.commands.push_back({Step::kRcpt, std::move(*command), i});
    } else {
      outgoing.results[i] = RecipientResult{
          ResultKind::kFailed, "5.6.7", "the address cannot be told to the next host", {}};
    }
  }
  if (transaction.commands.size() == fixed) co_return Spoken<>{};
  if (!prepared.chunking) transaction.commands.push_back({Step::kData, "DATA"});
  auto negotiated = co_await negotiate(transaction);
  if (!negotiated) co_return std::unexpected(std::move(negotiated).error());
  // Those that were too many get the next transaction; when nobody was taken there is no use in
  // one (RFC 5321 section 4.5.3.1.10).
  if (transaction.accepted.empty() && transaction.too_many) {
    for (const std::size_t i : transaction.not_this_time) {
      outgoing.results[i] = result_of(*transaction.too_many, ResultKind::kDeferred, "5.3");
      outgoing.results[i]->kind = ResultKind::kDeferred;
      outgoing.results[i]->status = "4.5.3";
    }
  }
  co_return co_await transfer(transaction);
}

Task<Spoken<>> SmtpClient::negotiate(Transaction& transaction) {
  const std::size_t window = peer_.pipelining ? kPipelineMax : 1;
  for (std::size_t next = 0; next < transaction.commands.size();) {
    const Step step = transaction.commands[next].step;
    const bool mail_refused = step > Step::kMail && !transaction.mail_taken;
    if (mail_refused || (step == Step::kData && transaction.accepted.empty())) break;
    const std::size_t end = std::min(next + window, transaction.commands.size());
    std::string batch;
    for (std::size_t i = next; i < end; ++i) batch += transaction.commands[i].text + "\r\n";
    auto written = co_await write(std::move(batch), options_.timeouts.command);
    if (!written) co_return std::unexpected(std::move(written).error());
    for (; next < end; ++next) {
      auto answered = co_await answer(transaction, transaction.commands[next]);
      if (!answered) co_return std::unexpected(std::move(answered).error());
    }
  }
  co_return Spoken<>{};
}

Task<Spoken<>> SmtpClient::answer(Transaction& transaction, const Command& command) {
  const bool data = command.step == Step::kData;
  auto reply = co_await read_reply(data ? options_.timeouts.data_start : options_.timeouts.command);
  if (!reply) co_return std::unexpected(std::move(reply).error());
  Outgoing& outgoing = transaction.outgoing;
  switch (command.step) {
    case Step::kRset: dirty_ = false; break;
    case Step::kMail:
      transaction.mail_taken = reply->is_success();
      dirty_ = dirty_ || transaction.mail_taken;
      if (transaction.mail_taken) break;
      for (const Command& other : transaction.commands) {
        if (other.step == Step::kRcpt)
          outgoing.results[other.recipient] = result_of(*reply, ResultKind::kDeferred, "1.0");
      }
      break;
    case Step::kRcpt: {
      if (!transaction.mail_taken) break;  // its fate is MAIL's
      if (reply->is_success()) {
        transaction.accepted.push_back(command.recipient);
        break;
      }
      // RFC 5321 section 4.5.3.1.10: 552 means it too where no code says otherwise.
      const bool too_many = reply->enhanced == "4.5.3" || reply->enhanced == "5.5.3" ||
                            (reply->enhanced.empty() && (reply->code == 452 || reply->code == 552));
      if (too_many) {
        transaction.not_this_time.push_back(command.recipient);
        transaction.too_many = std::move(*reply);
        break;
      }
      outgoing.results[command.recipient] = result_of(*reply, ResultKind::kDeferred, "1.1");
      break;
    }
    case Step::kData:
      transaction.data_open = reply->code == 354;
      if (!transaction.data_open) settle(transaction, *reply);
      break;
  }
  co_return Spoken<>{};
}

void SmtpClient::settle(Transaction& transaction, const ReceivedReply& reply) {
  Outgoing& outgoing = transaction.outgoing;
  ResultKind success = options_.lmtp ? ResultKind::kDelivered : ResultKind::kRelayedBlind;
  if (transaction.prepared.dsn) success = ResultKind::kRelayed;
  for (const std::size_t i : transaction.accepted) {
    // 2xx to DATA itself: the server is out of step, and the message was not sent.
    const bool taken =
        reply.is_success() && (transaction.data_open || transaction.prepared.chunking);
    outgoing.results[i] = result_of(reply, success, taken ? "0.0" : "6.0");
    if (reply.is_success() && !taken) {
      outgoing.results[i]->kind = ResultKind::kDeferred;
      outgoing.results[i]->status = "4.5.0";
    }
  }
}

Task<Spoken<>> SmtpClient::transfer(Transaction& transaction) {
  if (transaction.prepared.chunking) {
    if (transaction.accepted.empty()) co_return Spoken<>{};
    co_return co_await transfer_chunk(transaction);
  }
  if (!transaction.data_open) co_return Spoken<>{};
  co_return co_await transfer_data(transaction);
}

Task<Spoken<>> SmtpClient::transfer_data(Transaction& transaction) {
  if (transaction.accepted.empty()) {
    // DATA went out with the recipients, and the server opened it for nobody: RFC 2920 section 3.1
    // wants one dot and no message.
    auto reply = co_await ask(".", options_.timeouts.data_end);
    if (!reply) co_return std::unexpected(std::move(reply).error());
    dirty_ = false;
    co_return Spoken<>{};
  }
  const std::vector<std::string_view> pieces =
      data_pieces(transaction.prepared.content(transaction.outgoing.message));
  auto written = co_await write_content(pieces);
  if (!written) co_return std::unexpected(std::move(written).error());
  co_return co_await read_outcome(transaction);
}

Task<Spoken<>> SmtpClient::transfer_chunk(Transaction& transaction) {
  const std::string_view content = transaction.prepared.content(transaction.outgoing.message);
  const std::string command = fmt::format("BDAT {} LAST\r\n", content.size());
  trail_.sent(command);
  const std::string_view pieces[] = {command, content};
  auto written = co_await write_content(pieces);
  if (!written) co_return std::unexpected(std::move(written).error());
  co_return co_await read_outcome(transaction);
}

Task<Spoken<>> SmtpClient::write_content(std::span<const std::string_view> pieces) {
  stream_->set_timeout(options_.timeouts.data_block);
  std::vector<std::string_view> block;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string_view rest = pieces[i];
    while (!rest.empty()) {
      const std::string_view part = rest.substr(0, kBlockBytes - bytes);
      rest.remove_prefix(part.size());
      block.push_back(part);
      bytes += part.size();
      const bool last = rest.empty() && i + 1 == pieces.size();
      if (bytes < kBlockBytes && block.size() < kPipelineMax && !last) continue;
      const auto written = co_await stream_->write(block);
      if (!written) {
        stream_->close();  // nothing that is said from here on may count as content
        const bool timeout = written.error().code == ErrorCode::kTimeout;
        const bool stopped = written.error().code == ErrorCode::kCancelled;
        co_return std::unexpected(
            SessionBroken{stopped   ? SessionBroken::Kind::kCancelled
                          : timeout ? SessionBroken::Kind::kTimeout
                                    : SessionBroken::Kind::kLost,
                          "4.4.2", "sending the message: " + written.error().text, false, false});
      }
      block.clear();
      bytes = 0;
    }
  }
  co_return Spoken<>{};
}

Task<Spoken<>> SmtpClient::read_outcome(Transaction& transaction) {
  // RFC 2033 section 4.2: LMTP answers for each recipient that it took, in their order.
  const std::size_t replies = options_.lmtp ? transaction.accepted.size() : 1;
  const std::vector<std::size_t> accepted = transaction.accepted;
  for (std::size_t i = 0; i < replies; ++i) {
    auto reply = co_await read_reply(options_.timeouts.data_end);
    if (!reply) {
      SessionBroken why = std::move(reply).error();
      why.after_data = true;
      // We stop: nothing is known, and nobody else is asked.
      if (why.kind == SessionBroken::Kind::kCancelled) co_return std::unexpected(std::move(why));
      // Another host may not have it at once: this one may have taken it.
      for (; i < accepted.size(); ++i) {
        transaction.outgoing.results[accepted[i]] =
            RecipientResult{ResultKind::kDeferred, "4" + why.status.substr(1), why.diagnostic, {}};
      }
      co_return std::unexpected(std::move(why));
    }
    if (options_.lmtp) transaction.accepted = {accepted[i]};
    settle(transaction, *reply);
  }
  dirty_ = false;
  co_return Spoken<>{};
}

}  // namespace hauspost::transport
