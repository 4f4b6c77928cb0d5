#include "transport/dsn/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "transport/dsn/advice.h"
#include "transport/dsn/fields.h"
#include "transport/trace.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kHeaderBytesMax = 256 * 1024;
constexpr std::size_t kSubjectBytesMax = 200;
constexpr DsnAction kOrder[] = {DsnAction::kFailed, DsnAction::kDelayed, DsnAction::kDelivered,
                                DsnAction::kRelayed, DsnAction::kExpanded};

struct Words {
  std::string_view action;   // RFC 3464 section 2.3.3
  std::string_view subject;  // of the report
  std::string_view one;      // what happened, to one recipient
  std::string_view many;
};

const Words& words_of(DsnAction action) {
  static constexpr Words kFailed{
      "failed", "Undelivered",
      "Your message could not be delivered to this recipient. It will not be tried again:",
      "Your message could not be delivered to these recipients. It will not be tried again:"};
  static constexpr Words kDelayed{
      "delayed", "Delayed",
      "Your message has not reached this recipient yet. You need not send it again, it is tried "
      "further:",
      "Your message has not reached these recipients yet. You need not send it again, it is tried "
      "further:"};
  static constexpr Words kDelivered{"delivered", "Delivered",
                                    "Your message is in the mailbox of this recipient:",
                                    "Your message is in the mailboxes of these recipients:"};
  static constexpr Words kRelayed{
      "relayed", "Passed on",
      "Your message was passed on for this recipient to a server that sends no reports. You will "
      "not hear of it again:",
      "Your message was passed on for these recipients to servers that send no reports. You will "
      "not hear of it again:"};
  static constexpr Words kExpanded{
      "expanded", "Passed on",
      "Your message was passed on to the members of this list. You will not hear of it again:",
      "Your message was passed on to the members of these lists. You will not hear of it again:"};
  switch (action) {
    case DsnAction::kFailed: return kFailed;
    case DsnAction::kDelayed: return kDelayed;
    case DsnAction::kDelivered: return kDelivered;
    case DsnAction::kRelayed: return kRelayed;
    case DsnAction::kExpanded: return kExpanded;
  }
  return kFailed;
}

bool is_status(std::string_view text) {
  const auto parts = split(text, '.');
  if (parts.size() != 3 || parts[0].size() != 1) return false;
  if (parts[0] != "2" && parts[0] != "4" && parts[0] != "5") return false;
  return std::ranges::all_of(parts, [](std::string_view part) {
    return !part.empty() && part.size() <= 3 && std::ranges::all_of(part, is_digit);
  });
}

// RFC 3464 section 2.3.4: the class suits the action. A failure may name what was temporary
// (4.4.7).
std::string_view status_of(const DsnRecipient& recipient) {
  const std::string_view status = recipient.result.status;
  switch (recipient.action) {
    case DsnAction::kFailed:
      return is_status(status) && !status.starts_with('2') ? status : std::string_view("5.0.0");
    case DsnAction::kDelayed:
      return is_status(status) && status.starts_with('4') ? status : std::string_view("4.0.0");
    default:
      return is_status(status) && status.starts_with('2') ? status : std::string_view("2.0.0");
  }
}

bool is_reply(std::string_view text) {
  return text.size() >= 3 && text[0] >= '2' && text[0] <= '5' && is_digit(text[1]) &&
         is_digit(text[2]) && (text.size() == 3 || text[3] == ' ' || text[3] == '-');
}

std::string quoted(const std::string& address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string::npos) return address;
  return smtp::Address{address.substr(0, at), address.substr(at + 1)}.to_string();
}

// The address that the sender knows: people are told of no other.
std::string known_address(const Recipient& recipient) {
  return quoted(recipient.original.empty() ? recipient.address : recipient.original);
}

std::string_view header_of(std::string_view message) {
  if (message.starts_with("\r\n")) return {};
  const std::size_t end = message.find("\r\n\r\n");
  std::string_view header = message.substr(0, end == std::string_view::npos ? end : end + 2);
  if (header.size() > kHeaderBytesMax) {
    header = header.substr(0, kHeaderBytesMax);
    header = header.substr(0, header.rfind("\r\n") + 2);
  }
  return header;
}

// The field's body without its folds; empty when there is none.
std::string field_body(std::string_view header, std::string_view name) {
  for (std::size_t at = 0; at < header.size();) {
    std::size_t end = header.find("\r\n", at);
    if (end == std::string_view::npos) end = header.size();
    std::size_t next = std::min(end + 2, header.size());
    const std::string_view line = header.substr(at, end - at);
    if (istarts_with(line, name) && line.substr(name.size()).starts_with(':')) {
      std::string body(line.substr(name.size() + 1));
      while (next < header.size() && (header[next] == ' ' || header[next] == '\t')) {
        end = std::min(header.find("\r\n", next), header.size());
        body.append(header.substr(next, end - next));
        next = std::min(end + 2, header.size());
      }
      return std::string(trim(body));
    }
    at = next;
  }
  return {};
}

// RFC 2047 words of at most 75 octets, cut between characters.
std::string encoded_words(std::string_view utf8) {
  constexpr std::size_t kOctetsAWord = 42;
  std::string out;
  while (!utf8.empty()) {
    std::size_t count = std::min(kOctetsAWord, utf8.size());
    while (count < utf8.size() && (static_cast<unsigned char>(utf8[count]) & 0xc0) == 0x80) --count;
    if (!out.empty()) out += ' ';
    out += "=?utf-8?B?" + base64_encode(utf8.substr(0, count)) + "?=";
    utf8.remove_prefix(count);
  }
  return out;
}

struct Composer {
  const DsnOptions& options;
  const Envelope& original;
  std::string_view message;
  const std::vector<DsnRecipient>& recipients;
  WallTime now;
  std::string_view header = {};
  bool global = false;  // RFC 6533: addresses beyond ASCII, to a sender that can read them
  bool whole = false;   // the original comes back whole
  std::string boundary = {};

  void prepare();
  bool has(DsnAction action) const {
    return std::ranges::any_of(recipients, [&](const auto& r) { return r.action == action; });
  }
  std::string subject() const;
  void put_header(std::string& out, bool eight_bit) const;
  void put_text(std::string& out) const;
  void put_person(std::string& out, const DsnRecipient& recipient) const;
  void put_status(std::string& out) const;
  void put_recipient(std::string& out, const DsnRecipient& recipient) const;
  std::string_view original_type() const;
};

void Composer::prepare() {
  header = header_of(message);
  const bool beyond_ascii =
      !is_ascii(original.sender) || !is_ascii(header) ||
      std::ranges::any_of(recipients, [](const DsnRecipient& r) {
        return !is_ascii(r.recipient.address) || !is_ascii(r.recipient.original);
      });
  global = original.smtputf8 && beyond_ascii;
  // RET speaks of failures; other reports never bring the message back (RFC 3461 section 4.3).
  // BINARYMIME could not travel inside of what is 8-bit text; REQUIRETLS is as RET=HDRS (RFC 8689
  // section 5).
  whole = has(DsnAction::kFailed) && original.ret != smtp::Ret::kHeaders && !original.binary &&
          !original.require_tls && message.size() <= options.original_bytes_max;
  do {
    boundary = "=_" + to_hex(Guid::random().as_bytes());
  } while (message.find(boundary) != std::string_view::npos);
}

std::string Composer::subject() const {
  std::string_view what = "Report";
  for (const DsnAction action : kOrder) {
    if (!has(action)) continue;
    what = words_of(action).subject;
    break;
  }
  const std::string raw = field_body(header, "Subject");
  if (raw.empty()) return fmt::format("{}: your message", what);
  if (is_ascii(raw) || global) return fmt::format("{}: {}", what, line_text(raw, global, 600));
  if (!is_valid_utf8(raw)) return fmt::format("{}: {}", what, line_text(raw, false, 600));
  return fmt::format("{}: {}", what, encoded_words(line_text(raw, true, kSubjectBytesMax)));
}

void Composer::put_header(std::string& out, bool eight_bit) const {
  const std::string id = to_hex(Guid::random().as_bytes());
  append_field(out, "Date", rfc5322_date(now));
  append_field(out, "From", fmt::format("Mail Delivery System <{}>", options.postmaster));
  append_field(out, "To", fmt::format("<{}>", original.sender));
  append_field(out, "Subject", subject());
  append_field(out, "Message-ID", fmt::format("<{}@{}>", id, options.reporting_mta));
  const std::string about = field_body(header, "Message-ID");
  const bool sound = about.starts_with('<') && about.ends_with('>') && about.size() < 500 &&
                     is_ascii(about) && about.find_first_of(" \t") == std::string::npos;
  if (sound) {
    append_field(out, "In-Reply-To", about);
    append_field(out, "References", about);
  }
  append_field(out, "Auto-Submitted", "auto-replied");
  append_field(out, "MIME-Version", "1.0");
  out += fmt::format(
      "Content-Type: multipart/report; report-type={}delivery-status;\r\n\tboundary=\"{}\"\r\n",
      global ? "global-" : "", boundary);
  if (eight_bit) append_field(out, "Content-Transfer-Encoding", "8bit");
  out += "\r\n";
}

void Composer::put_person(std::string& out, const DsnRecipient& recipient) const {
  const RecipientResult& result = recipient.result;
  const bool trouble =
      recipient.action == DsnAction::kFailed || recipient.action == DsnAction::kDelayed;
  // Whoever wrote without SMTPUTF8 may have no way to show the letters.
  out += "  " + line_text(known_address(recipient.recipient), true) + "\r\n";
  if (trouble) out += wrap(advice_for(status_of(recipient)), "    ");
  const std::string said = line_text(result.diagnostic, true);
  if (trouble && !said.empty()) {
    const std::string who = line_text(result.remote_host, false, 255);
    out += wrap(who.empty() ? "Details: " + said : fmt::format("{} said: {}", who, said), "    ");
  }
  if (recipient.action == DsnAction::kDelayed && recipient.will_retry_until != WallTime{}) {
    out += wrap(fmt::format("It is tried until {}.", rfc5322_date(recipient.will_retry_until)),
                "    ");
  }
  out += "\r\n";
}

void Composer::put_text(std::string& out) const {
  out += fmt::format("This is a report from the mail server {}.\r\n\r\n", options.reporting_mta);
  for (const DsnAction action : kOrder) {
    const auto count = std::ranges::count(recipients, action, &DsnRecipient::action);
    if (count == 0) continue;
    out += wrap(count == 1 ? words_of(action).one : words_of(action).many, "") + "\r\n";
    for (const DsnRecipient& recipient : recipients)
      if (recipient.action == action) put_person(out, recipient);
  }
  out += wrap(
      fmt::format("The report is made by a machine. For help write to {} and give this number: {}",
                  options.postmaster,
                  (original.network.is_nil() ? original.delivery : original.network).to_string()),
      "");
  if (!whole && message.size() > options.original_bytes_max && has(DsnAction::kFailed))
    out += "\r\nYour message was too big to be returned whole: only its header follows.\r\n";
}

void Composer::put_recipient(std::string& out, const DsnRecipient& recipient) const {
  const RecipientResult& result = recipient.result;
  out += "\r\n";
  std::string first = orcpt_value(recipient.recipient.orcpt, global);
  if (first.empty()) first = address_value(quoted(recipient.recipient.original), global);
  append_field(out, "Original-Recipient", first);
  std::string last = address_value(quoted(recipient.recipient.address), global);
  // The field must stand there (RFC 3464 section 2.3.2), whatever an address was let through.
  if (last.empty()) last = "rfc822; " + line_text(quoted(recipient.recipient.address), false);
  append_field(out, "Final-Recipient", last);
  append_field(out, "Action", words_of(recipient.action).action);
  append_field(out, "Status", status_of(recipient));
  const std::string host = line_text(result.remote_host, false, 255);
  if (!host.empty()) append_field(out, "Remote-MTA", "dns; " + host);
  const std::string said = line_text(result.diagnostic, global);
  if (!said.empty())
    append_field(out, "Diagnostic-Code", (is_reply(said) ? "smtp; " : "x-hauspost; ") + said);
  if (recipient.last_attempt != WallTime{})
    append_field(out, "Last-Attempt-Date", rfc5322_date(recipient.last_attempt));
  if (recipient.action == DsnAction::kDelayed && recipient.will_retry_until != WallTime{})
    append_field(out, "Will-Retry-Until", rfc5322_date(recipient.will_retry_until));
}

void Composer::put_status(std::string& out) const {
  if (!original.envid.empty()) {
    const bool printable = std::ranges::all_of(original.envid, [](char c) {
      return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
    });
    append_field(out, "Original-Envelope-Id",
                 printable ? original.envid : smtp::encode_xtext(original.envid));
  }
  append_field(out, "Reporting-MTA", "dns; " + options.reporting_mta);
  if (original.received != WallTime{})
    append_field(out, "Arrival-Date", rfc5322_date(original.received));
  for (const DsnRecipient& recipient : recipients) put_recipient(out, recipient);
}

std::string_view Composer::original_type() const {
  if (global) return whole ? "message/global" : "message/global-headers";
  return whole ? "message/rfc822" : "text/rfc822-headers";
}

}  // namespace

std::string compose_dsn(const DsnOptions& options, const Envelope& original,
                        std::string_view original_message,
                        const std::vector<DsnRecipient>& recipients, WallTime now) {
  Composer composer{options, original, original_message, recipients, now};
  composer.prepare();
  std::string text;
  composer.put_text(text);
  std::string status;
  composer.put_status(status);
  std::string body;
  const auto begin_part = [&](std::string_view type, std::string_view content) {
    body += fmt::format("--{}\r\nContent-Type: {}\r\n", composer.boundary, type);
    if (!is_ascii(content)) body += "Content-Transfer-Encoding: 8bit\r\n";
    body.append("\r\n").append(content);
    if (!content.ends_with("\r\n")) body += "\r\n";
    body += "\r\n";
  };
  begin_part(is_ascii(text) ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8", text);
  begin_part(composer.global ? "message/global-delivery-status" : "message/delivery-status",
             status);
  begin_part(composer.original_type(), composer.whole ? composer.message : composer.header);
  body += fmt::format("--{}--\r\n", composer.boundary);
  std::string out;
  composer.put_header(out, !is_ascii(body));
  out += body;
  return out;
}

bool is_wanted(const Recipient& recipient, DsnAction action) {
  smtp::NotifyBits bit = smtp::kNotifySuccess;
  if (action == DsnAction::kFailed) bit = smtp::kNotifyFailure;
  if (action == DsnAction::kDelayed) bit = smtp::kNotifyDelay;
  if (recipient.notify == 0) return bit != smtp::kNotifySuccess;
  if ((recipient.notify & smtp::kNotifyNever) != 0) return false;
  return (recipient.notify & bit) != 0;
}

}  // namespace hauspost::transport
