#include "server/directory/acme_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "server/directory/acme_settings.pb.h"
#include "server/directory/writer.h"

namespace hauspost::directory {

namespace {

constexpr std::string_view kOrdersKey = "acme.orders";
constexpr std::uint32_t kOrdersFormat = 1;
constexpr std::size_t kHostNameMax = 253;
constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kTextMax = 2000;

constexpr std::pair<AcmeChallenge, std::string_view> kChallenges[] = {
    {AcmeChallenge::kHttp01, "http-01"}, {AcmeChallenge::kTlsAlpn01, "tls-alpn-01"}};

std::unexpected<Error> wrong(std::string_view value, std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("\"{}\" {}", escape_for_log(value), why));
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelMax && label.front() != '-' &&
         label.back() != '-' && std::ranges::all_of(label, [](char c) {
           return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-';
         });
}

Result<> check_name(std::string_view name) {
  if (name.starts_with("*."))
    return wrong(name, "is a wildcard: those can only be proved in the DNS (dns-01)");
  const auto labels = split(name, '.');
  if (name.size() > kHostNameMax || labels.size() < 2 || !std::ranges::all_of(labels, is_label) ||
      std::ranges::all_of(labels.back(), is_digit)) {
    return wrong(name, "is not a host name in lower case such as mail.example.org");
  }
  return {};
}

bool is_plain(std::string_view text) {
  return text.size() <= kTextMax &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

Result<> check_contact(std::string_view contact) {
  const std::size_t at = contact.rfind('@');
  // RFC 8555 section 7.3: one address, and no header fields behind it.
  if (!is_plain(contact) || at == std::string_view::npos || at == 0 || at + 1 == contact.size() ||
      contact.find_first_of(",?") != std::string_view::npos) {
    return wrong(contact, "is not a mail address");
  }
  return {};
}

stored::AcmeOrder to_stored(const AcmeOrder& order) {
  stored::AcmeOrder out;
  for (const std::string& name : order.names) out.add_names(name);
  for (const std::string& contact : order.contacts) out.add_contacts(contact);
  out.set_directory(order.directory);
  out.set_terms_agreed(order.terms_agreed);
  out.set_challenge(order.challenge == AcmeChallenge::kHttp01
                        ? stored::ACME_CHALLENGE_KIND_HTTP_01
                        : stored::ACME_CHALLENGE_KIND_TLS_ALPN_01);
  out.set_rsa(order.rsa);
  out.set_ca_file(order.ca_file);
  out.set_eab_kid(order.eab_kid);
  return out;
}

Result<AcmeOrder> from_stored(const stored::AcmeOrder& stored) {
  AcmeOrder order{{stored.names().begin(), stored.names().end()}, stored.directory()};
  order.contacts = {stored.contacts().begin(), stored.contacts().end()};
  order.terms_agreed = stored.terms_agreed();
  switch (stored.challenge()) {
    case stored::ACME_CHALLENGE_KIND_HTTP_01: order.challenge = AcmeChallenge::kHttp01; break;
    case stored::ACME_CHALLENGE_KIND_TLS_ALPN_01:
      order.challenge = AcmeChallenge::kTlsAlpn01;
      break;
    default:
      return fail(ErrorCode::kCorrupt, "directory: an order of a certificate has no challenge");
  }
  order.rsa = stored.rsa();
  order.ca_file = stored.ca_file();
  order.eab_kid = stored.eab_kid();
  return order;
}

}  // namespace

std::string_view to_string(AcmeChallenge challenge) {
  for (const auto& [kind, word] : kChallenges) {
    if (kind == challenge) return word;
  }
  return {};
}

std::optional<AcmeChallenge> parse_acme_challenge(std::string_view word) {
  for (const auto& [kind, known] : kChallenges) {
    if (known == word) return kind;
  }
  return std::nullopt;
}

Result<> check(const AcmeOrder& order) {
  if (order.names.empty()) return fail(ErrorCode::kInvalid, "a certificate needs a name");
  if (order.names.size() > kAcmeNamesMax)
    return fail(ErrorCode::kInvalid,
                fmt::format("at most {} names in a certificate", kAcmeNamesMax));
  for (std::size_t i = 0; i < order.names.size(); ++i) {
    TRY(check_name(order.names[i]));
    if (std::find(order.names.begin(), order.names.begin() + static_cast<std::ptrdiff_t>(i),
                  order.names[i]) != order.names.begin() + static_cast<std::ptrdiff_t>(i)) {
      return wrong(order.names[i], "is named twice");
    }
  }
  if (!order.directory.starts_with("https://") || order.directory.size() < 10 ||
      !is_plain(order.directory)) {
    return wrong(order.directory, "is not the https URL of an ACME directory");
  }
  if (order.contacts.size() > kAcmeContactsMax)
    return fail(ErrorCode::kInvalid, fmt::format("at most {} contacts", kAcmeContactsMax));
  for (const std::string& contact : order.contacts) TRY(check_contact(contact));
  if (!order.ca_file.empty() && !order.ca_file.starts_with('/'))
    return wrong(order.ca_file, "is not the absolute path of a file");
  if (!is_plain(order.eab_kid)) return wrong(order.eab_kid, "is not the name of a key");
  if (!order.terms_agreed) {
    return fail(ErrorCode::kInvalid,
                "a certificate is ordered only once the server's terms of service are agreed to: "
                "read them and say --agree-terms");
  }
  return {};
}

Result<std::vector<AcmeOrder>> acme_orders(const DirectoryReader& reader) {
  std::vector<AcmeOrder> orders;
  TRY_ASSIGN(const std::string bytes, reader.setting(kOrdersKey));
  if (bytes.empty()) return orders;
  stored::AcmeOrders message;
  if (!message.ParseFromString(bytes) || message.format() != kOrdersFormat)
    return fail(ErrorCode::kCorrupt, "directory: the orders of certificates do not parse");
  for (const stored::AcmeOrder& one : message.orders()) {
    TRY_ASSIGN(AcmeOrder order, from_stored(one));
    TRY(check(order));
    orders.push_back(std::move(order));
  }
  return orders;
}

Result<> set_acme_orders(DirectoryWriter& writer, const std::vector<AcmeOrder>& orders) {
  if (orders.size() > kAcmeOrdersMax)
    return fail(ErrorCode::kInvalid,
                fmt::format("at most {} orders of certificates", kAcmeOrdersMax));
  stored::AcmeOrders message;
  message.set_format(kOrdersFormat);
  for (const AcmeOrder& order : orders) {
    TRY(check(order));
    if (std::ranges::count(orders, order.name(), &AcmeOrder::name) > 1)
      return wrong(order.name(), "is the name of two orders");
    *message.add_orders() = to_stored(order);
  }
  return writer.set_setting(kOrdersKey, orders.empty() ? "" : message.SerializeAsString());
}

}  // namespace hauspost::directory
