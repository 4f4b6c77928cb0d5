#include "transport/authentication/dkim_sign.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto/mac.h"
#include "base/text.h"

namespace hauspost::mailauth {

namespace {

// What a reader sees or a mail program acts on: signed also where it is not there.
constexpr std::string_view kOversigned[] = {
    "from", "to",         "cc",           "reply-to",     "subject",
    "date", "message-id", "mime-version", "content-type", "content-transfer-encoding"};
constexpr std::string_view kSigned[] = {"sender",
                                        "in-reply-to",
                                        "references",
                                        "list-id",
                                        "list-help",
                                        "list-unsubscribe",
                                        "list-unsubscribe-post",
                                        "list-subscribe",
                                        "list-post",
                                        "list-owner",
                                        "list-archive",
                                        "autocrypt",
                                        "resent-date",
                                        "resent-from",
                                        "resent-to",
                                        "resent-cc"};
constexpr std::size_t kLineMax = 76;

// `text` onto lines of at most kLineMax columns; may be cut anywhere.
void append_folded(std::string& out, std::string_view text) {
  std::size_t column =
      out.size() - (out.rfind('\n') == std::string::npos ? 0 : out.rfind('\n') + 1);
  while (!text.empty()) {
    if (column >= kLineMax) {
      out += "\r\n\t ";
      column = 2;
    }
    const std::size_t count = std::min(text.size(), kLineMax - column);
    out += text.substr(0, count);
    text.remove_prefix(count);
    column += count;
  }
}

}  // namespace

std::vector<std::string> names_to_sign(const MessageParts& parts) {
  std::vector<std::string> names;
  const auto count = [&](std::string_view name) {
    return static_cast<std::size_t>(std::ranges::count_if(
        parts.fields, [&](const MessageParts::Field& f) { return iequals(f.name, name); }));
  };
  for (const std::string_view name : kOversigned) {
    const std::size_t times = std::min<std::size_t>(count(name), 8) + 1;
    for (std::size_t i = 0; i < times; ++i) names.emplace_back(name);
  }
  for (const std::string_view name : kSigned) {
    const std::size_t times = std::min<std::size_t>(count(name), 8);
    for (std::size_t i = 0; i < times; ++i) names.emplace_back(name);
  }
  return names;
}

void append_signed_names(std::string& out, const std::vector<std::string>& names) {
  out += "\r\n\th=";
  std::size_t column = 3;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) {
      out += ':';
      ++column;
    }
    if (column + names[i].size() + 1 > kLineMax) {
      out += "\r\n\t ";
      column = 2;
    }
    out += names[i];
    column += names[i].size();
  }
  out += ';';
}

std::string sign_with(const SigningKey& key, std::string_view data) {
  if (key.algorithm() == Algorithm::kEd25519Sha256)  // RFC 8463 section 3
    return key.key.sign(crypto::hash(crypto::Digest::kSha256, data));
  return key.key.sign(data);
}

std::string with_signature(std::string field, std::string_view signature) {
  append_folded(field, base64_encode(signature));
  field += "\r\n";
  return field;
}

std::string dkim_field(const MessageParts& parts, const SigningKey& key, std::string_view body_hash,
                       std::int64_t now_s) {
  DkimSignature signature;
  signature.header_form = Canonical::kRelaxed;
  signature.headers = names_to_sign(parts);
  std::string field =
      fmt::format("DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};",
                  to_string(key.algorithm()), key.domain, key.selector, now_s);
  append_signed_names(field, signature.headers);
  field += fmt::format("\r\n\tbh={};\r\n\tb=", base64_encode(body_hash));
  const std::string data = signed_header(parts, signature, field);
  return with_signature(std::move(field), sign_with(key, data));
}

}  // namespace hauspost::mailauth
