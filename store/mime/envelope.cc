#include <vector>

#include "base/text.h"
#include "store/mime/addresses.h"
#include "store/mime/header_scanner.h"
#include "store/mime/imap_text.h"
#include "store/mime/structure_writer.h"

namespace hauspost::mime {

namespace {

std::optional<std::string_view> non_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

void put_address(std::string& out, std::optional<std::string_view> name,
                 std::optional<std::string_view> route, std::optional<std::string_view> local,
                 std::optional<std::string_view> domain) {
  out += '(';
  put_nstring(out, name);
  out += ' ';
  put_nstring(out, route);
  out += ' ';
  put_nstring(out, local);
  out += ' ';
  put_nstring(out, domain);
  out += ')';
}

void put_address(std::string& out, const Address& address) {
  switch (address.kind) {
    case Address::Kind::kMailbox:
      // NIL in the domain's place would make it a group, so a missing one is "".
      return put_address(out, non_empty(address.name), non_empty(address.route), address.local,
                         address.domain);
    case Address::Kind::kGroupStart:
      return put_address(out, std::nullopt, std::nullopt, address.name, std::nullopt);
    case Address::Kind::kGroupEnd:
      return put_address(out, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
  }
}

// The addresses of every field of that name; RFC 5322 section 4.5 lets recipients repeat.
std::vector<Address> addresses_of(const KnownFields& fields, KnownField field,
                                  AddressBudget& budget) {
  std::vector<Address> found;
  const auto raw = fields.get(field);
  if (!raw) return found;
  found = parse_addresses(*raw, budget.left);
  budget.left -= std::min(budget.left, found.size());
  if (!fields.repeated(field)) return found;
  HeaderScanner scanner(fields.header());
  bool first = true;
  for (HeaderField next; scanner.next(next) && budget.left > 0;) {
    if (!iequals(next.name, name_of(field))) continue;
    if (std::exchange(first, false)) continue;
    const std::vector<Address> more = parse_addresses(next.value, budget.left);
    budget.left -= std::min(budget.left, more.size());
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
}

std::string address_list(const std::vector<Address>& addresses) {
  if (addresses.empty()) return "NIL";
  std::string out = "(";
  for (const Address& address : addresses) put_address(out, address);
  out += ')';
  return out;
}

void put_field(std::string& out, const KnownFields& fields, KnownField field) {
  const auto raw = fields.get(field);
  if (!raw) {
    out += "NIL";
    return;
  }
  put_string(out, unfold(*raw));
}

}  // namespace

void write_envelope(std::string& out, const KnownFields& fields, AddressBudget& budget) {
  const auto list = [&](KnownField field) {
    return address_list(addresses_of(fields, field, budget));
  };
  out += '(';
  put_field(out, fields, KnownField::kDate);
  out += ' ';
  put_field(out, fields, KnownField::kSubject);
  const std::string from = list(KnownField::kFrom);
  // RFC 3501 section 7.4.2: the server fills in From where these are absent or empty.
  std::string sender = list(KnownField::kSender);
  if (sender == "NIL") sender = from;
  std::string reply_to = list(KnownField::kReplyTo);
  if (reply_to == "NIL") reply_to = from;
  for (const std::string& text : {from, sender, reply_to, list(KnownField::kTo),
                                  list(KnownField::kCc), list(KnownField::kBcc)}) {
    out.append(" ").append(text);
  }
  out += ' ';
  put_field(out, fields, KnownField::kInReplyTo);
  out += ' ';
  put_field(out, fields, KnownField::kMessageId);
  out += ')';
}

}  // namespace hauspost::mime
