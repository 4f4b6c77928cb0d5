#include "transport/send/outgoing.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocols/smtp/address.h"
#include "transport/authentication/domains.h"

namespace hauspost::transport {

namespace {

using smtp::PeerExtensions;

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Nothing that could end a command or be taken for another argument.
bool is_clean(std::string_view text, bool spaces) {
  return std::ranges::none_of(text, [&](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || (!spaces && byte == ' ');
  });
}

RecipientResult refusal(std::string_view status, std::string text) {
  return {.kind = RecipientResult::Kind::kFailed,
          .status = std::string(status),
          .diagnostic = std::move(text),
          .remote_host = {}};
}

// The mailbox with its domain in A-labels where the local part leaves the choice (RFC 6531 section
// 3.2): "local@domain", quoted where it must be.
std::string spelt(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == address.npos) return std::string(address);
  const std::string_view domain = address.substr(at + 1);
  smtp::Address mailbox{std::string(address.substr(0, at)), std::string(domain)};
  if (is_ascii(mailbox.local) && !is_ascii(domain))
    mailbox.domain = mailauth::to_a_labels(domain).value_or(std::string(domain));
  return mailbox.to_string();
}

// The same for a reverse-path, which is kept as it is spelt.
std::string sender_of(const Envelope& envelope) {
  const std::string_view sender = envelope.sender;
  const std::size_t at = sender.rfind('@');
  if (is_ascii(sender) || at == sender.npos || !is_ascii(sender.substr(0, at)))
    return envelope.sender;
  const auto domain = mailauth::to_a_labels(sender.substr(at + 1));
  return domain ? std::string(sender.substr(0, at + 1)) + *domain : envelope.sender;
}

bool any_recipient_is_international(const Outgoing& outgoing) {
  const auto& recipients = outgoing.envelope.recipients;
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (!outgoing.results[i] && !is_ascii(spelt(recipients[i].address))) return true;
  }
  return false;
}

// SMTPUTF8 is asked for where something stands in the message that needs it, not because whoever
// brought it had asked: 7-bit mail of such a client goes everywhere.
bool needs_smtputf8(const Outgoing& outgoing) {
  if (!is_ascii(sender_of(outgoing.envelope))) return true;
  if (outgoing.envelope.smtputf8 && outgoing.facts.eight_bit_header) return true;
  return any_recipient_is_international(outgoing);
}

std::string_view text_of(mime::Unfit unfit) {
  switch (unfit) {
    case mime::Unfit::kHeader: return "its header has octets that cannot stand there";
    case mime::Unfit::kSigned: return "a signed part would be changed";
    case mime::Unfit::kNoMeans: return "a part of it must not be encoded";
  }
  return "it cannot be encoded";
}

// The message as this server takes it, and the BODY parameter that goes with it.
struct Content {
  std::string converted;
  std::string_view body;  // value of BODY; empty: none
  bool chunking = false;
};

std::expected<Content, RecipientResult> content_for(const Outgoing& outgoing,
                                                    const PeerExtensions& peer) {
  const mime::ContentFacts& facts = outgoing.facts;
  Content out;
  const bool binary = outgoing.envelope.binary && facts.is_binary();
  if (binary && peer.binary_mime) {
    out.body = "BINARYMIME";
    out.chunking = true;
    return out;
  }
  const bool eight_bit = facts.eight_bit_body || facts.eight_bit_header;
  if (eight_bit && peer.eight_bit_mime) out.body = "8BITMIME";
  const bool convert = binary || facts.nul || (facts.eight_bit_body && !peer.eight_bit_mime);
  if (convert) {
    auto made = mime::make_plain_lines(outgoing.message, peer.eight_bit_mime);
    if (!made) {
      return std::unexpected(
          refusal("5.6.3", fmt::format("the next host takes no such contents, and they cannot be "
                                       "converted: {}",
                                       text_of(made.error()))));
    }
    out.converted = std::move(*made);
  }
  // What is left of bare CR and LF ends a line for some servers and not for others; no message of
  // ours may be two for one of them.
  if (facts.bare_line_end) {
    out.converted = mime::with_line_ends(out.converted.empty() ? outgoing.message : out.converted);
  }
  return out;
}

std::string by_parameter(const Outgoing& outgoing) {
  const Envelope& envelope = outgoing.envelope;
  const auto left = std::chrono::duration_cast<Seconds>(envelope.deliver_by - outgoing.now).count();
  return fmt::format(" BY={};{}{}", left, envelope.deliver_by_notify ? 'N' : 'R',
                     envelope.deliver_by_trace ? "T" : "");
}

void append_parameters(std::string& mail, const Outgoing& outgoing, const SessionFacts& session,
                       std::size_t bytes) {
  const Envelope& envelope = outgoing.envelope;
  const PeerExtensions& peer = session.peer;
  if (peer.size) mail += fmt::format(" SIZE={}", bytes);
  if (peer.dsn && envelope.ret)
    mail += *envelope.ret == smtp::Ret::kFull ? " RET=FULL" : " RET=HDRS";
  if (peer.dsn && !envelope.envid.empty()) mail += " ENVID=" + smtp::encode_xtext(envelope.envid);
  if (envelope.require_tls) mail += " REQUIRETLS";
  if (peer.mt_priority && envelope.priority != 0)
    mail += fmt::format(" MT-PRIORITY={}", static_cast<int>(envelope.priority));
  if (peer.deliver_by && envelope.deliver_by != WallTime{}) mail += by_parameter(outgoing);
}

// What no conversion helps against.
std::optional<RecipientResult> impossible(const Outgoing& outgoing, const SessionFacts& session) {
  const Envelope& envelope = outgoing.envelope;
  if (envelope.require_tls && (!session.authenticated_tls || !session.peer.require_tls))
    return refusal("5.7.30", "the message asks for REQUIRETLS, which the next host does not offer");
  // RFC 2852 section 4: a server without it could not give back what comes too late.
  if (envelope.deliver_by != WallTime{} && !envelope.deliver_by_notify && !session.peer.deliver_by)
    return refusal("5.3.3",
                   "the message has to be delivered in time or returned (DELIVERBY), "
                   "which the next host does not offer");
  if (!is_clean(envelope.sender, true))
    return refusal("5.1.7", "the sender's address has a control character");
  return std::nullopt;
}

}  // namespace

std::expected<Prepared, RecipientResult> prepare(const Outgoing& outgoing,
                                                 const SessionFacts& session) {
  if (auto no = impossible(outgoing, session)) return std::unexpected(std::move(*no));
  Prepared out;
  out.smtputf8 = needs_smtputf8(outgoing);
  if (out.smtputf8 && !session.peer.smtputf8) {
    return std::unexpected(refusal("5.6.7",
                                   "an address or the header needs SMTPUTF8, which the "
                                   "next host does not offer"));
  }
  auto content = content_for(outgoing, session.peer);
  if (!content) return std::unexpected(std::move(content).error());
  out.converted = std::move(content->converted);
  out.chunking = content->chunking;
  out.dsn = session.peer.dsn;
  const std::size_t bytes = out.content(outgoing.message).size();
  const std::uint64_t most = session.peer.message_bytes_max;
  if (most != 0 && bytes > most) {
    return std::unexpected(refusal(
        "5.3.4", fmt::format("the message has {} octets, the next host takes {}", bytes, most)));
  }
  out.mail = "MAIL FROM:<" + sender_of(outgoing.envelope) + ">";
  append_parameters(out.mail, outgoing, session, bytes);
  if (!content->body.empty()) out.mail += fmt::format(" BODY={}", content->body);
  if (out.smtputf8) out.mail += " SMTPUTF8";
  return out;
}

std::optional<std::string> rcpt_command(const Recipient& recipient, const Prepared& prepared) {
  const std::string address = spelt(recipient.address);
  if (!is_clean(address, true) || (!prepared.smtputf8 && !is_ascii(address))) return std::nullopt;
  std::string out = "RCPT TO:<" + address + ">";
  if (!prepared.dsn) return out;
  static constexpr std::pair<smtp::NotifyBits, std::string_view> kNotify[] = {
      {smtp::kNotifyNever, "NEVER"},
      {smtp::kNotifySuccess, "SUCCESS"},
      {smtp::kNotifyFailure, "FAILURE"},
      {smtp::kNotifyDelay, "DELAY"}};
  std::string words;
  for (const auto& [bit, word] : kNotify) {
    if ((recipient.notify & bit) != 0)
      words += (words.empty() ? " NOTIFY=" : ",") + std::string(word);
  }
  out += words;
  const bool sayable =
      is_clean(recipient.orcpt, false) && (prepared.smtputf8 || is_ascii(recipient.orcpt));
  if (!recipient.orcpt.empty() && sayable) out += " ORCPT=" + recipient.orcpt;
  return out;
}

std::vector<std::string_view> data_pieces(std::string_view content) {
  static constexpr std::string_view kDot = ".";
  static constexpr std::string_view kEnd = ".\r\n";
  static constexpr std::string_view kLineEnd = "\r\n";
  std::vector<std::string_view> pieces;
  const bool ends_line = content.empty() || content.ends_with(kLineEnd);
  if (content.starts_with('.')) pieces.push_back(kDot);
  std::size_t begin = 0;
  for (;;) {
    const std::size_t found = content.find("\r\n.", begin);
    if (found == content.npos) break;
    const std::size_t dot = found + kLineEnd.size();
    pieces.push_back(content.substr(begin, dot - begin));
    pieces.push_back(kDot);
    begin = dot;
  }
  if (begin < content.size()) pieces.push_back(content.substr(begin));
  if (!ends_line) pieces.push_back(kLineEnd);
  pieces.push_back(kEnd);
  return pieces;
}

}  // namespace hauspost::transport
