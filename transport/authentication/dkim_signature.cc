#include "transport/authentication/dkim_signature.h"

#include <algorithm>

#include "base/text.h"
#include "transport/authentication/tag_list.h"

namespace hauspost::mailauth {

namespace {

using Fault = std::unexpected<std::string>;

constexpr std::size_t kNameMax = 253;
constexpr std::size_t kLabelMax = 63;

std::expected<Algorithm, std::string> parse_algorithm(std::string_view name) {
  if (name == "rsa-sha256") return Algorithm::kRsaSha256;
  if (name == "ed25519-sha256") return Algorithm::kEd25519Sha256;
  if (name == "rsa-sha1") return Fault("rsa-sha1 is no longer acceptable");  // RFC 8301
  return Fault("unknown algorithm");
}

std::optional<Canonical> parse_form(std::string_view name) {
  if (name == "simple") return Canonical::kSimple;
  if (name == "relaxed") return Canonical::kRelaxed;
  return std::nullopt;
}

bool parse_forms(std::string_view text, DkimSignature& out) {
  const std::size_t slash = text.find('/');
  const auto header = parse_form(text.substr(0, slash));
  const auto body =
      slash == std::string_view::npos ? Canonical::kSimple : parse_form(text.substr(slash + 1));
  if (!header || !body) return false;
  out.header_form = *header;
  out.body_form = *body;
  return true;
}

std::optional<std::int64_t> parse_time(std::string_view digits) {
  constexpr std::uint64_t kMost = 999'999'999'999;  // section 3.5: at least 12 digits
  const auto number = parse_u64(digits);
  if (!number) return std::nullopt;
  return static_cast<std::int64_t>(std::min(*number, kMost));
}

std::string take_headers(std::string_view text, std::vector<std::string>& out) {
  for (const std::string_view piece : split(text, ':')) {
    if (out.size() >= kSignedNamesMax) return "too many names in h=";
    out.push_back(ascii_lower(trim_folds(piece)));
    if (out.back().empty()) return "an empty name in h=";
  }
  if (std::ranges::find(out, "from") == out.end()) return "From is not signed";
  return {};
}

std::string take_identity(const TagList& tags, DkimSignature& out) {
  out.identity_domain = out.domain;
  const Tag* tag = tags.find("i");
  if (tag == nullptr) return {};
  out.identity = without_space(tag->value);
  const std::size_t at = out.identity.rfind('@');
  if (at == std::string::npos) return "bad i=";
  out.identity_domain = ascii_lower(std::string_view(out.identity).substr(at + 1));
  if (!is_below(out.identity_domain, out.domain)) return "the domain of i= is not below d=";
  return {};
}

std::string take_numbers(const TagList& tags, DkimSignature& out) {
  if (const Tag* tag = tags.find("l")) {
    out.length = parse_u64(tag->value);
    if (!out.length) return "bad l=";
  }
  if (const Tag* tag = tags.find("t")) {
    out.signed_s = parse_time(tag->value);
    if (!out.signed_s) return "bad t=";
  }
  if (const Tag* tag = tags.find("x")) {
    out.expires_s = parse_time(tag->value);
    if (!out.expires_s) return "bad x=";
  }
  if (out.signed_s && out.expires_s && *out.expires_s <= *out.signed_s) return "x= is before t=";
  return {};
}

std::string take_names(const TagList& tags, DkimSignature& out) {
  const Tag* domain = tags.find("d");
  const Tag* selector = tags.find("s");
  if (domain == nullptr || selector == nullptr) return "no d= or s=";
  out.domain = ascii_lower(domain->value);
  out.selector = ascii_lower(selector->value);
  if (out.domain.find('.') == std::string::npos || !is_dns_name(out.domain)) return "bad d=";
  if (!is_dns_name(out.selector)) return "bad s=";
  return {};
}

std::string take_hashes(const TagList& tags, DkimSignature& out) {
  const Tag* signature = tags.find("b");
  const Tag* body = tags.find("bh");
  if (signature == nullptr || body == nullptr) return "no b= or bh=";
  auto signature_octets = folded_base64(signature->value);
  auto body_octets = folded_base64(body->value);
  if (!signature_octets || signature_octets->empty()) return "bad b=";
  if (!body_octets || body_octets->empty()) return "bad bh=";
  out.signature = std::move(*signature_octets);
  out.body_hash = std::move(*body_octets);
  return {};
}

bool lists(const Tag* tag, std::string_view word) {
  if (tag == nullptr) return false;
  for (const std::string_view piece : split(tag->value, ':')) {
    if (trim_folds(piece) == word) return true;
  }
  return false;
}

}  // namespace

std::string_view to_string(Algorithm algorithm) {
  return algorithm == Algorithm::kRsaSha256 ? "rsa-sha256" : "ed25519-sha256";
}

bool is_dns_name(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  return std::ranges::all_of(split(name, '.'), [](std::string_view label) {
    return !label.empty() && label.size() <= kLabelMax && std::ranges::all_of(label, [](char c) {
      return is_alpha(c) || is_digit(c) || c == '-' || c == '_';
    });
  });
}

bool is_below(std::string_view name, std::string_view domain) {
  if (name == domain) return true;
  return name.size() > domain.size() && name.ends_with(domain) &&
         name[name.size() - domain.size() - 1] == '.';
}

std::expected<DkimSignature, std::string> parse_signature(std::string_view value,
                                                          SignatureField field) {
  if (value.size() > kSignatureFieldBytesMax) return Fault("field too long");
  const auto tags = TagList::parse(value);
  if (!tags) return Fault("syntax error");
  const Tag* version = tags->find("v");
  if (field == SignatureField::kDkim && (version == nullptr || version->value != "1"))
    return Fault("no v=1");
  DkimSignature out;
  const Tag* algorithm = tags->find("a");
  const Tag* headers = tags->find("h");
  if (algorithm == nullptr || headers == nullptr) return Fault("no a= or h=");
  const auto known = parse_algorithm(algorithm->value);
  if (!known) return Fault(known.error());
  out.algorithm = *known;
  if (const Tag* forms = tags->find("c"); forms != nullptr && !parse_forms(forms->value, out))
    return Fault("unknown c=");
  if (const Tag* query = tags->find("q"); query != nullptr && !lists(query, "dns/txt"))
    return Fault("unknown q=");
  std::string fault = take_names(*tags, out);
  if (fault.empty()) fault = take_headers(headers->value, out.headers);
  if (fault.empty()) fault = take_numbers(*tags, out);
  if (fault.empty()) fault = take_hashes(*tags, out);
  if (fault.empty() && field == SignatureField::kDkim) fault = take_identity(*tags, out);
  if (!fault.empty()) return Fault(std::move(fault));
  if (out.identity_domain.empty()) out.identity_domain = out.domain;
  return out;
}

std::string without_signature(std::string_view field) {
  std::string out;
  const std::size_t colon = field.find(':');
  out = field.substr(0, colon + 1);
  std::string_view rest = field.substr(colon + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size() - 1) + 1;
    const std::string_view one = rest.substr(0, end);
    const std::size_t equals = one.find('=');
    if (equals != std::string_view::npos && trim_folds(one.substr(0, equals)) == "b") {
      out += one.substr(0, equals + 1);
      if (one.ends_with(';')) out += ';';
    } else {
      out += one;
    }
    rest.remove_prefix(end);
  }
  if (out.ends_with("\r\n")) out.resize(out.size() - 2);
  return out;
}

std::expected<KeyRecord, std::string> parse_key_record(std::string_view text) {
  const auto tags = TagList::parse(text);
  if (!tags) return Fault("key record: syntax error");
  KeyRecord record;
  const Tag* version = tags->find("v");
  if (version != nullptr && (version->value != "DKIM1" || version != tags->all().data()))
    return Fault("key record: not DKIM1");
  const Tag* type = tags->find("k");
  if (type != nullptr && type->value == "ed25519")
    record.algorithm = Algorithm::kEd25519Sha256;
  else if (type != nullptr && type->value != "rsa")
    return Fault("key record: unknown k=");
  const Tag* key = tags->find("p");
  if (key == nullptr) return Fault("key record: no p=");
  auto octets = folded_base64(key->value);
  if (!octets) return Fault("key record: bad p=");
  record.key = std::move(*octets);
  const Tag* hashes = tags->find("h");
  record.sha256 = hashes == nullptr || lists(hashes, "sha256");
  const Tag* services = tags->find("s");
  record.email = services == nullptr || lists(services, "*") || lists(services, "email");
  record.testing = lists(tags->find("t"), "y");
  record.strict = lists(tags->find("t"), "s");
  return record;
}

}  // namespace hauspost::mailauth
