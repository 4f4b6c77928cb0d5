// The author of a submitted message (RFC 6409 section 8.1, RFC 5322 section 3.6.2): From names whom
// the user may be, Sender who sends where that is somebody else.
#include <fmt/format.h>

#include "base/log.h"
#include "protocols/smtp/address.h"
#include "store/mime/addresses.h"
#include "transport/receive/session.h"

namespace hauspost::transport {

using smtp::Reply;

namespace {

constexpr std::size_t kAuthorsMax = 100;

// nullopt: more than are looked at.
std::optional<std::vector<std::string>> addresses_of(std::string_view body) {
  const auto addresses = mime::parse_addresses(body, kAuthorsMax + 1);
  if (addresses.size() > kAuthorsMax) return std::nullopt;
  std::vector<std::string> out;
  for (const mime::Address& address : addresses) {
    if (address.kind != mime::Address::Kind::kMailbox) continue;
    out.push_back(address.local + "@" + address.domain);
  }
  return out;
}

Reply directory_down(const Error& error) {
  log::error("directory.failed", {{"error", error}});
  return {451, "4.3.0", "Try again later"};
}

}  // namespace

std::optional<Reply> Session::check_author(const HeaderScan& scan, Incoming& incoming) const {
  if (!rights_.is_authenticated() || rights_.has(kAnySender)) return std::nullopt;
  const Guid& user = *start_.mailbox;
  if (scan.from.size() > 1) return Reply{550, "5.6.0", "A message has one From field"};
  if (scan.from.empty()) {
    incoming.prefix += fmt::format("From: <{}>\r\n", incoming.envelope.sender);
    return std::nullopt;
  }
  bool on_behalf = false;
  const auto authors = addresses_of(field_body(incoming.message, scan.from.front()));
  if (!authors) return Reply{550, "5.6.0", "From names too many"};
  if (authors->empty()) return Reply{550, "5.6.0", "From names nobody"};
  for (const std::string& author : *authors) {
    const auto right = services_.directory.may_send(user, author);
    if (!right) return directory_down(right.error());
    if (*right == SendRight::kNo)
      return Reply{550, "5.7.60", "You may not send as the address in From"};
    on_behalf = on_behalf || *right == SendRight::kOnBehalf;
  }
  for (const HeaderScan::Span& span : scan.sender) {
    const auto senders = addresses_of(field_body(incoming.message, span));
    if (!senders) return Reply{550, "5.6.0", "Sender names too many"};
    for (const std::string& sender : *senders) {
      const auto right = services_.directory.may_send(user, sender);
      if (!right) return directory_down(right.error());
      if (*right != SendRight::kOwn && *right != SendRight::kAs)
        return Reply{550, "5.7.60", "You may not send as the address in Sender"};
    }
  }
  // Several authors need one who sends, too.
  if ((on_behalf || authors->size() > 1) && scan.sender.empty())
    incoming.prefix += fmt::format("Sender: <{}>\r\n", start_.user);
  return std::nullopt;
}

}  // namespace hauspost::transport
