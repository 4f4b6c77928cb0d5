#include "transport/resolve/srs.h"

#include <fmt/format.h>

#include "base/crypto/mac.h"
#include "base/text.h"

namespace hauspost::transport {

namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";  // RFC 4648 section 6
constexpr std::size_t kHashLetters = 6;
constexpr std::size_t kLocalMax = 64;  // octets, RFC 5321 section 4.5.3.1.1
constexpr std::size_t kTagLength = 4;  // "SRS0"
constexpr int kDaysModulus = 1024;
constexpr std::size_t kSecretLeast = 16;

int day_of(WallTime now) {
  const auto days = std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
  return static_cast<int>(days % kDaysModulus);
}

std::string timestamp(WallTime now) {
  const auto day = static_cast<std::size_t>(day_of(now));
  return {kAlphabet[day / 32], kAlphabet[day % 32]};
}

// A day ahead is let pass: clocks of two nodes.
bool is_fresh(std::string_view stamp, WallTime now) {
  if (stamp.size() != 2) return false;
  const std::size_t high = kAlphabet.find(ascii_lower(stamp[0]));
  const std::size_t low = kAlphabet.find(ascii_lower(stamp[1]));
  if (high == std::string_view::npos || low == std::string_view::npos) return false;
  const int then = static_cast<int>(high * 32 + low);
  const int age = (day_of(now) - then + kDaysModulus) % kDaysModulus;
  return age <= kSrsDaysMax || age == kDaysModulus - 1;
}

// Hosts use "=", "+" or "-" behind the tag.
bool is_separator(char c) { return c == '=' || c == '+' || c == '-'; }

// Takes what stands before the next "=".
std::optional<std::string_view> take(std::string_view& text) {
  const std::size_t end = text.find('=');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end + 1);
  return word;
}

std::unexpected<Error> malformed() {
  return fail(ErrorCode::kInvalid, "not a rewritten reverse-path");
}

std::unexpected<Error> not_ours() {
  return fail(ErrorCode::kDenied, "a rewritten reverse-path that was not signed here");
}

}  // namespace

bool is_srs(std::string_view local) {
  return local.size() > kTagLength && is_separator(local[kTagLength]) &&
         (istarts_with(local, "srs0") || istarts_with(local, "srs1"));
}

std::string Srs::hash(const std::string& secret, std::string_view text) const {
  const std::string mac =
      crypto::hmac(crypto::Digest::kSha256, secret, ascii_lower(text));
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < 8; ++i) bits = bits << 8 | static_cast<unsigned char>(mac[i]);
  std::string out;
  for (std::size_t i = 0; i < kHashLetters; ++i) {
    out += kAlphabet[bits >> 59];
    bits <<= 5;
  }
  return out;
}

bool Srs::is_signed(std::string_view given, std::string_view text) const {
  const std::string lower = ascii_lower(given);
  bool any = false;
  for (const std::string& secret : secrets_) any |= crypto::equal(lower, hash(secret, text));
  return any;
}

std::optional<std::string> Srs::rewrite(std::string_view sender, std::string_view domain,
                                        WallTime now) const {
  const std::size_t at = sender.rfind('@');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const std::string_view local = sender.substr(0, at);
  const std::string_view host = sender.substr(at + 1);
  std::string out;
  if (is_srs(local) && istarts_with(local, "srs0")) {
    const std::string rest = fmt::format("{}={}", host, local.substr(kTagLength));
    out = fmt::format("SRS1={}={}", hash(secrets_.front(), rest), rest);
  } else if (is_srs(local)) {
    // Whoever signed the first time is asked; who came between is left out.
    std::string_view rest = local.substr(kTagLength + 1);
    if (!take(rest)) return std::nullopt;
    out = fmt::format("SRS1={}={}", hash(secrets_.front(), rest), rest);
  } else {
    const std::string rest = fmt::format("{}={}={}", timestamp(now), host, local);
    out = fmt::format("SRS0={}={}", hash(secrets_.front(), rest), rest);
  }
  if (out.size() > kLocalMax) return std::nullopt;
  return fmt::format("{}@{}", out, domain);
}

Result<std::string> Srs::reverse(std::string_view local, WallTime now) const {
  if (!is_srs(local)) return malformed();
  const bool first = istarts_with(local, "srs0");
  std::string_view rest = local.substr(kTagLength + 1);
  const auto given = take(rest);
  if (!given) return malformed();
  const std::string_view text = rest;
  if (first) {
    const auto stamp = take(rest);
    const auto host = stamp ? take(rest) : std::nullopt;
    if (!host || host->empty() || rest.empty()) return malformed();
    if (!is_signed(*given, text)) return not_ours();
    if (!is_fresh(*stamp, now)) {
      return fail(ErrorCode::kNotFound, "a rewritten reverse-path that is too old");
    }
    return fmt::format("{}@{}", rest, *host);
  }
  const auto host = take(rest);
  if (!host || host->empty() || rest.size() < 2 || !is_separator(rest.front())) return malformed();
  if (!is_signed(*given, text)) return not_ours();
  return fmt::format("SRS0{}@{}", rest, *host);
}

Result<std::vector<std::string>> srs_secrets(std::string_view file) {
  std::vector<std::string> secrets;
  for (const std::string_view line : split(file, '\n')) {
    const std::string_view secret = trim(line);
    if (secret.size() < kSecretLeast || secret.starts_with('#')) continue;
    secrets.emplace_back(secret);
  }
  if (secrets.empty()) return fail(ErrorCode::kNotFound, "no secret for reverse-paths");
  return secrets;
}

}  // namespace hauspost::transport
