#include "protocols/sasl/token_mechanisms.h"

#include <algorithm>

#include "base/text.h"

namespace hauspost::sasl {

namespace {

constexpr char kSeparator = '\x01';
constexpr std::string_view kScheme = "Bearer ";

bool is_name(std::string_view text) {
  return text.size() <= kNameMax && text.find('\0') == std::string_view::npos &&
         is_valid_utf8(text);
}

// b64token of RFC 6750 section 2.1: 1*(ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/") *"="
bool is_token(std::string_view text) {
  if (text.size() > kTokenMax) return false;
  while (text.ends_with('=')) text.remove_suffix(1);
  const auto fits = [](char c) {
    return is_alpha(c) || is_digit(c) || std::string_view("-._~+/").contains(c);
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

// "Bearer", in any case (RFC 6750 section 2.1 with RFC 9110 section 11.1), and the token.
std::optional<Secret> read_token(std::string_view value) {
  if (!istarts_with(value, kScheme)) return std::nullopt;
  value.remove_prefix(kScheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (!is_token(value)) return std::nullopt;
  return Secret(std::string(value));
}

// key=value pairs, each behind it a separator, and one more at the end. nullopt unless all of it
// is so and exactly one is named `wanted`. Others are passed over (RFC 7628 section 3.1).
std::optional<std::string_view> find_pair(std::string_view pairs, std::string_view wanted) {
  std::optional<std::string_view> found;
  while (!pairs.empty()) {
    if (pairs == std::string_view("\x01", 1)) return found;
    const std::size_t end = pairs.find(kSeparator);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view pair = pairs.substr(0, end);
    const std::size_t equals = pair.find('=');
    if (equals == 0 || equals == std::string_view::npos) return std::nullopt;
    if (!std::ranges::all_of(pair.substr(0, equals), is_alpha)) return std::nullopt;
    if (pair.substr(0, equals) == wanted) {
      if (found) return std::nullopt;
      found = pair.substr(equals + 1);
    }
    pairs.remove_prefix(end + 1);
  }
  return std::nullopt;  // the last separator is missing
}

// saslname (RFC 5801 section 4): "," is "=2C" and "=" is "=3D".
std::optional<std::string> read_saslname(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.starts_with("=2C") || text.starts_with("=3D")) {
      out += text[1] == '2' ? ',' : '=';
      text.remove_prefix(3);
    } else if (text.front() == '=' || text.front() == ',') {
      return std::nullopt;
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return is_name(out) && !out.empty() ? std::optional(std::move(out)) : std::nullopt;
}

Credentials by(Proof proof, std::string name, Secret secret) {
  Credentials out;
  out.proof = proof;
  out.name = std::move(name);
  out.password = std::move(secret);
  return out;
}

// One message of the client's is all there is to each of them.
class OneMessage final : public Mechanism {
 public:
  using Parse = std::optional<Credentials> (*)(std::string_view message);
  explicit OneMessage(Parse parse) : parse_(parse) {}

  Step start(std::optional<std::string_view> initial) override {
    if (initial) return respond(*initial);
    Step step;
    step.kind = Step::Kind::kChallenge;
    return step;
  }
  Step respond(std::string_view response) override {
    auto credentials = parse_(response);
    Step step;
    if (!credentials) return step;
    step.kind = Step::Kind::kDone;
    step.credentials = std::move(*credentials);
    return step;
  }

 private:
  Parse parse_;
};

}  // namespace

std::optional<Credentials> parse_oauthbearer(std::string_view message) {
  // gs2-header (RFC 5801 section 4): "n" or "y", for there is no channel binding; the authzid.
  if (!message.starts_with("n,") && !message.starts_with("y,")) return std::nullopt;
  message.remove_prefix(2);
  const std::size_t comma = message.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  std::string name;
  if (comma > 0) {
    if (!message.starts_with("a=")) return std::nullopt;
    auto read = read_saslname(message.substr(2, comma - 2));
    if (!read) return std::nullopt;
    name = std::move(*read);
  }
  message.remove_prefix(comma + 1);
  if (!message.starts_with(kSeparator)) return std::nullopt;
  const auto value = find_pair(message.substr(1), "auth");
  auto token = value ? read_token(*value) : std::nullopt;
  if (!token) return std::nullopt;
  return by(Proof::kBearer, std::move(name), std::move(*token));
}

std::optional<Credentials> parse_xoauth2(std::string_view message) {
  const auto user = find_pair(message, "user");
  const auto value = find_pair(message, "auth");
  if (!user || !is_name(*user)) return std::nullopt;
  auto token = value ? read_token(*value) : std::nullopt;
  if (!token) return std::nullopt;
  return by(Proof::kBearer, std::string(*user), std::move(*token));
}

std::optional<Credentials> parse_external(std::string_view message) {
  if (!is_name(message)) return std::nullopt;
  return by(Proof::kCertificate, std::string(message), Secret());
}

std::unique_ptr<Mechanism> make_token_mechanism(std::string_view name) {
  if (iequals(name, "OAUTHBEARER")) return std::make_unique<OneMessage>(parse_oauthbearer);
  if (iequals(name, "XOAUTH2")) return std::make_unique<OneMessage>(parse_xoauth2);
  if (iequals(name, "EXTERNAL")) return std::make_unique<OneMessage>(parse_external);
  return nullptr;
}

bool is_bearer_mechanism(std::string_view name) {
  return iequals(name, "OAUTHBEARER") || iequals(name, "XOAUTH2");
}

bool is_external_mechanism(std::string_view name) { return iequals(name, "EXTERNAL"); }

}  // namespace hauspost::sasl
