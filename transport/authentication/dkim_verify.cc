#include "transport/authentication/dkim_verify.h"

#include "base/crypto/mac.h"
#include "base/crypto/public_key.h"
#include "base/text.h"
#include "transport/authentication/tag_list.h"

namespace hauspost::mailauth {

namespace {

constexpr std::size_t kSignatureStart = 8;  // RFC 6008 section 4: enough to tell them apart

DkimResult describe(const DkimSignature& signature) {
  DkimResult result;
  result.domain = signature.domain;
  result.selector = signature.selector;
  result.identity = signature.identity;
  result.algorithm = to_string(signature.algorithm);
  result.signature_start = base64_encode(signature.signature).substr(0, kSignatureStart);
  return result;
}

DkimResult ended(DkimResult result, DkimStatus status, std::string reason = {}) {
  result.status = status;
  result.reason = std::move(reason);
  return result;
}

// What can be read of a field that is none, for the report.
DkimResult not_checkable(std::string_view value, std::string reason) {
  DkimResult result;
  if (const auto tags = TagList::parse(value.substr(0, kSignatureFieldBytesMax))) {
    const Tag* domain = tags->find("d");
    if (domain != nullptr && is_dns_name(domain->value)) result.domain = ascii_lower(domain->value);
    const Tag* selector = tags->find("s");
    if (selector != nullptr && is_dns_name(selector->value))
      result.selector = ascii_lower(selector->value);
  }
  return ended(std::move(result), DkimStatus::kPermError, std::move(reason));
}

std::optional<std::string> time_fault(const DkimSignature& signature, std::int64_t now_s) {
  if (signature.expires_s && *signature.expires_s < now_s) return "signature expired";
  if (signature.signed_s && *signature.signed_s > now_s + kClockSkew_s)
    return "signed in the future";
  return std::nullopt;
}

std::optional<std::string> record_fault(const KeyRecord& record, const DkimSignature& signature) {
  if (record.key.empty()) return "key revoked";
  if (record.algorithm != signature.algorithm) return "key of another algorithm";
  if (!record.sha256) return "key not for sha256";
  if (!record.email) return "key not for email";
  if (record.strict && signature.identity_domain != signature.domain)
    return "i= is a subdomain and the key does not allow that";
  return std::nullopt;
}

// Takes `form` out of what is under way, however the work ends.
class WorkMark {
 public:
  WorkMark(std::set<Canonical>& under_way, Canonical form) : under_way_(under_way), form_(form) {
    under_way_.insert(form_);
  }
  ~WorkMark() { under_way_.erase(form_); }
  WorkMark(const WorkMark&) = delete;
  WorkMark& operator=(const WorkMark&) = delete;

 private:
  std::set<Canonical>& under_way_;
  Canonical form_;
};

}  // namespace

std::string_view to_string(DkimStatus status) {
  switch (status) {
    case DkimStatus::kPass: return "pass";
    case DkimStatus::kFail: return "fail";
    case DkimStatus::kPolicy: return "policy";
    case DkimStatus::kNeutral: return "neutral";
    case DkimStatus::kTempError: return "temperror";
    case DkimStatus::kPermError: return "permerror";
  }
  return "permerror";
}

Task<const BodyHashes::Hash*> BodyHashes::of(Canonical form) {
  while (under_way_.contains(form)) co_await yield_now();
  const auto known = hashes_.find(form);
  if (known != hashes_.end()) co_return &known->second;
  const WorkMark mark(under_way_, form);
  BodyHash hash(form);
  std::string_view rest = body_;
  while (rest.size() > kSliceBytes) {
    hash.feed(rest.substr(0, kSliceBytes));
    rest.remove_prefix(kSliceBytes);
    co_await yield_now();
  }
  hash.feed(rest);
  std::string octets = hash.finish();
  co_return &hashes_.insert_or_assign(form, Hash{std::move(octets), hash.octets()}).first->second;
}

std::string signed_header(const MessageParts& parts, const DkimSignature& signature,
                          std::string_view own) {
  std::string out;
  // Fields are few: how often a name was taken is kept by looking from below each time.
  std::map<std::string_view, std::size_t> next;  // index below which the next one of a name is
  for (const std::string& name : signature.headers) {
    std::size_t& before = next.try_emplace(name, parts.fields.size()).first->second;
    while (before > 0) {
      const MessageParts::Field& field = parts.fields[--before];
      // A signature does not sign itself (RFC 6376 section 3.7).
      if (!iequals(field.name, name) || field.lines.data() == own.data()) continue;
      append_canonical(out, signature.header_form, field.lines);
      break;
    }
  }
  append_canonical(out, signature.header_form, without_signature(own));
  if (out.ends_with("\r\n")) out.resize(out.size() - 2);
  return out;
}

std::expected<void, std::string> check_key(const KeyRecord& record, Algorithm algorithm,
                                           std::string_view data, std::string_view signature) {
  if (algorithm == Algorithm::kEd25519Sha256) {
    const auto key = crypto::PublicKey::ed25519(record.key);
    if (!key) return std::unexpected(key.error().text);
    // RFC 8463 section 3: the hash is what is signed.
    if (key->verifies(crypto::hash(crypto::Digest::kSha256, data), signature)) return {};
    return std::unexpected("signature does not fit");
  }
  const auto key = crypto::PublicKey::rsa_from_der(record.key, kRsaBitsLeast);
  if (!key) return std::unexpected(key.error().text);
  if (key->verifies(data, signature)) return {};
  return std::unexpected("signature does not fit");
}

Task<KeyAnswer> find_key(dns::Resolver& resolver, std::string name) {
  KeyAnswer out;
  const auto answer = co_await resolver.txt(std::move(name));
  if (answer.outcome == dns::Outcome::kTemporary) {
    out.reason = "no answer from the DNS";
    co_return out;
  }
  out.status = DkimStatus::kPermError;
  out.reason = "no key in the DNS";
  for (const std::string& text : answer.records) {
    auto record = parse_key_record(text);
    if (record) co_return KeyAnswer{DkimStatus::kPass, std::move(*record), {}};
    out.reason = std::move(record).error();
  }
  co_return out;
}

Task<DkimResult> check_signature(dns::Resolver& resolver, const MessageParts& parts,
                                 BodyHashes& hashes, DkimSignature signature, std::string_view own,
                                 std::int64_t now_s) {
  DkimResult result = describe(signature);
  if (auto fault = time_fault(signature, now_s))
    co_return ended(std::move(result), DkimStatus::kFail, std::move(*fault));
  const KeyAnswer key =
      co_await find_key(resolver, signature.selector + "._domainkey." + signature.domain);
  if (key.status != DkimStatus::kPass) co_return ended(std::move(result), key.status, key.reason);
  result.testing = key.record.testing;
  if (auto fault = record_fault(key.record, signature))
    co_return ended(std::move(result), DkimStatus::kPermError, std::move(*fault));
  const BodyHashes::Hash* body = co_await hashes.of(signature.body_form);
  if (signature.length && *signature.length > body->canonical_bytes)
    co_return ended(std::move(result), DkimStatus::kPermError, "l= is longer than the body");
  // Anybody could have put something behind what l= covers: it counts for nothing.
  if (signature.length && *signature.length < body->canonical_bytes)
    co_return ended(std::move(result), DkimStatus::kPolicy,
                    "l= leaves a part of the body unsigned");
  if (signature.body_hash != body->octets)
    co_return ended(std::move(result), DkimStatus::kFail, "body hash does not fit");
  const auto good = check_key(key.record, signature.algorithm, signed_header(parts, signature, own),
                              signature.signature);
  if (!good) co_return ended(std::move(result), DkimStatus::kFail, good.error());
  co_return ended(std::move(result), DkimStatus::kPass);
}

std::vector<FoundSignature> find_signatures(const MessageParts& parts) {
  std::vector<FoundSignature> found;
  for (const MessageParts::Field& field : parts.fields) {
    if (!iequals(field.name, "DKIM-Signature")) continue;
    if (found.size() >= kSignaturesMax) break;
    auto signature = parse_signature(field.value, SignatureField::kDkim);
    if (!signature) {
      found.push_back(
          {not_checkable(field.value, std::move(signature).error()), std::nullopt, field.lines});
      continue;
    }
    DkimResult open = ended(describe(*signature), DkimStatus::kTempError, "no answer in time");
    found.push_back({std::move(open), std::move(*signature), field.lines});
  }
  return found;
}

Task<std::vector<DkimResult>> verify_dkim(dns::Resolver& resolver, const MessageParts& parts,
                                          BodyHashes& hashes, WallTime now) {
  const std::int64_t now_s = std::chrono::floor<Seconds>(now).time_since_epoch().count();
  std::vector<DkimResult> results;
  for (FoundSignature& one : find_signatures(parts)) {
    if (one.signature)
      one.result = co_await check_signature(resolver, parts, hashes, std::move(*one.signature),
                                            one.own, now_s);
    results.push_back(std::move(one.result));
  }
  co_return results;
}

}  // namespace hauspost::mailauth
