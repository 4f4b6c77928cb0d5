#include "protocols/sasl/scram.h"

#include <algorithm>

#include "base/text.h"
#include "protocols/sasl/mechanism.h"

namespace hauspost::sasl {

namespace {

constexpr std::size_t kMessageMax = 4096;  // names, nonces and proofs leave most of it free
constexpr std::size_t kBindingTypeMax = 32;

constexpr ScramMechanism kMechanisms[] = {
    {"SCRAM-SHA-256-PLUS", crypto::Digest::kSha256, true},
    {"SCRAM-SHA-256", crypto::Digest::kSha256, false},
    {"SCRAM-SHA-1-PLUS", crypto::Digest::kSha1, true},
    {"SCRAM-SHA-1", crypto::Digest::kSha1, false},
};

// Takes "x=value" from the front of `rest`, up to the next comma or the end; nullopt when
// another attribute stands there. The comma goes too; `last` tells that there was none.
struct Attributes {
  std::string_view rest;
  bool last = false;

  std::optional<std::string_view> take(char name) {
    if (last || rest.size() < 2 || rest[0] != name || rest[1] != '=') return std::nullopt;
    const std::size_t comma = rest.find(',');
    const std::string_view value = rest.substr(2, comma == rest.npos ? comma : comma - 2);
    last = comma == rest.npos;
    rest.remove_prefix(last ? rest.size() : comma + 1);
    return value;
  }
};

// printable of RFC 5802 section 7: %x21-2B / %x2D-7E.
bool is_nonce(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != ','; });
}

// What follows a nonce or stands before a proof: extensions, all optional, all ignored.
bool are_extensions(std::string_view text) {
  for (const std::string_view one : split(text, ',')) {
    if (one.size() < 3 || !is_alpha(one[0]) || one[1] != '=') return false;
  }
  return true;
}

// saslname (RFC 5802 section 5.1): "=" stands only before 2C and 3D.
std::optional<std::string> decode_name(std::string_view text) {
  if (text.empty() || !is_valid_utf8(text) || text.find('\0') != text.npos) return std::nullopt;
  std::string name;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      name += text[i];
      continue;
    }
    const std::string_view code = text.substr(i + 1, 2);
    if (code != "2C" && code != "3D") return std::nullopt;
    name += code == "2C" ? ',' : '=';
    i += 2;
  }
  if (name.size() > kNameMax) return std::nullopt;
  return name;
}

bool is_binding_type(std::string_view text) {
  return !text.empty() && text.size() <= kBindingTypeMax && std::ranges::all_of(text, [](char c) {
    return is_alpha(c) || is_digit(c) || c == '.' || c == '-';
  });
}

// gs2-header (RFC 5801 section 4) without its last comma.
bool parse_gs2(std::string_view flag, std::string_view authorization, ScramClientFirst& out) {
  using Binding = ScramClientFirst::Binding;
  if (flag == "n") {
    out.binding = Binding::kUnsupported;
  } else if (flag == "y") {
    out.binding = Binding::kUnadvertised;
  } else if (flag.starts_with("p=") && is_binding_type(flag.substr(2))) {
    out.binding = Binding::kUsed;
    out.binding_type = flag.substr(2);
  } else {
    return false;
  }
  if (authorization.empty()) return true;
  if (!authorization.starts_with("a=")) return false;
  auto name = decode_name(authorization.substr(2));
  if (!name) return false;
  out.authorization_id = std::move(*name);
  return true;
}

}  // namespace

const ScramMechanism* find_scram(std::string_view name) {
  const auto* found = std::ranges::find_if(
      kMechanisms, [&](const ScramMechanism& one) { return iequals(one.name, name); });
  return found == std::end(kMechanisms) ? nullptr : found;
}

ScramKeys scram_keys(crypto::Digest digest, const Secret& password, std::string_view salt,
                     std::uint32_t iterations) {
  const Secret salted(crypto::pbkdf2(digest, password.reveal(), salt, iterations));
  const Secret client_key(crypto::hmac(digest, salted.reveal(), "Client Key"));
  return {crypto::hash(digest, client_key.reveal()),
          crypto::hmac(digest, salted.reveal(), "Server Key")};
}

std::optional<ScramClientFirst> parse_scram_first(std::string_view message) {
  if (message.size() > kMessageMax) return std::nullopt;
  const std::size_t first = message.find(',');
  if (first == message.npos) return std::nullopt;
  const std::size_t second = message.find(',', first + 1);
  if (second == message.npos) return std::nullopt;
  ScramClientFirst out;
  if (!parse_gs2(message.substr(0, first), message.substr(first + 1, second - first - 1), out))
    return std::nullopt;
  out.gs2_header = message.substr(0, second + 1);
  out.bare = message.substr(second + 1);
  Attributes attributes{out.bare};
  const auto name = attributes.take('n');
  const auto nonce = attributes.take('r');
  if (!name || !nonce || nonce->size() > kScramNonceMax || !is_nonce(*nonce)) return std::nullopt;
  if (!attributes.last && !are_extensions(attributes.rest)) return std::nullopt;
  auto decoded = decode_name(*name);
  if (!decoded) return std::nullopt;
  out.name = std::move(*decoded);
  out.nonce = *nonce;
  return out;
}

std::optional<ScramClientFinal> parse_scram_final(std::string_view message) {
  if (message.size() > kMessageMax) return std::nullopt;
  const std::size_t proof_at = message.rfind(",p=");
  if (proof_at == message.npos) return std::nullopt;
  const std::string_view without = message.substr(0, proof_at);
  Attributes attributes{without};
  const auto binding = attributes.take('c');
  const auto nonce = attributes.take('r');
  if (!binding || !nonce || !is_nonce(*nonce)) return std::nullopt;
  if (!attributes.last && !are_extensions(attributes.rest)) return std::nullopt;
  auto channel_binding = base64_decode(*binding);
  auto proof = base64_decode(message.substr(proof_at + 3));
  if (!channel_binding || !proof || proof->empty()) return std::nullopt;
  return ScramClientFinal{std::move(*channel_binding), std::string(*nonce), std::move(*proof),
                          std::string(without)};
}

ScramServer::ScramServer(ScramMechanism mechanism, ScramClientFirst first, std::string nonce,
                         std::string_view salt, std::uint32_t iterations)
    : mechanism_(mechanism), first_(std::move(first)), nonce_(first_.nonce + nonce) {
  server_first_ = "r=" + nonce_ + ",s=" + base64_encode(salt) + ",i=" + std::to_string(iterations);
}

bool ScramServer::belongs(const ScramClientFinal& final, std::string_view binding_data) const {
  std::string expected = first_.gs2_header;
  if (first_.binding == ScramClientFirst::Binding::kUsed) expected += binding_data;
  return crypto::equal(final.nonce, nonce_) && crypto::equal(final.channel_binding, expected);
}

std::string ScramServer::auth_message(const ScramClientFinal& final) const {
  return first_.bare + "," + server_first_ + "," + final.without_proof;
}

bool ScramServer::proves(const ScramClientFinal& final, const ScramKeys& keys) const {
  const crypto::Digest digest = mechanism_.digest;
  if (keys.stored_key.size() != crypto::digest_bytes(digest)) return false;
  if (final.proof.size() != crypto::digest_bytes(digest)) return false;
  const std::string signature = crypto::hmac(digest, keys.stored_key, auth_message(final));
  const Secret client_key(crypto::exclusive_or(final.proof, signature));
  return crypto::equal(crypto::hash(digest, client_key.reveal()), keys.stored_key);
}

std::string ScramServer::server_final(const ScramClientFinal& final, const ScramKeys& keys) const {
  return "v=" +
         base64_encode(crypto::hmac(mechanism_.digest, keys.server_key, auth_message(final)));
}

}  // namespace hauspost::sasl
