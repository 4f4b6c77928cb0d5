#include "transport/authentication/arc.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"
#include "transport/authentication/tag_list.h"

namespace hauspost::mailauth {

namespace {

using Field = MessageParts::Field;

struct ArcSet {
  const Field* results = nullptr;
  const Field* message = nullptr;
  const Field* seal = nullptr;
};

struct Seal {
  Algorithm algorithm = Algorithm::kRsaSha256;
  std::string domain;
  std::string selector;
  std::string verdict;  // of cv=
  std::string signature;
};

constexpr std::string_view kResultsName = "ARC-Authentication-Results";
constexpr std::string_view kMessageName = "ARC-Message-Signature";
constexpr std::string_view kSealName = "ARC-Seal";

// Of "i=1; ...", wherever the tag stands in the signatures; in the results it stands first.
std::optional<unsigned> instance_of(std::string_view value, bool first) {
  std::string_view text;
  if (first) {
    text = trim_folds(value.substr(0, value.find(';')));
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || trim_folds(text.substr(0, equals)) != "i")
      return std::nullopt;
    text = trim_folds(text.substr(equals + 1));
  } else {
    const auto tags = TagList::parse(value.substr(0, kSignatureFieldBytesMax));
    const Tag* tag = tags ? tags->find("i") : nullptr;
    if (tag == nullptr) return std::nullopt;
    text = tag->value;
  }
  const auto number = parse_u64(text);
  if (!number || *number == 0 || *number > kArcSetsMax) return std::nullopt;
  return static_cast<unsigned>(*number);
}

// False: the fields are not sets, each whole and once.
bool collect(const MessageParts& parts, std::vector<ArcSet>& sets) {
  std::array<ArcSet, kArcSetsMax> all;
  unsigned highest = 0;
  for (const Field& field : parts.fields) {
    const bool results = iequals(field.name, kResultsName);
    const bool message = iequals(field.name, kMessageName);
    if (!results && !message && !iequals(field.name, kSealName)) continue;
    const auto instance = instance_of(field.value, results);
    if (!instance) return false;
    ArcSet& set = all[*instance - 1];
    const Field*& slot = results ? set.results : message ? set.message : set.seal;
    if (slot != nullptr) return false;
    slot = &field;
    highest = std::max(highest, *instance);
  }
  for (unsigned i = 0; i < highest; ++i) {
    if (all[i].results == nullptr || all[i].message == nullptr || all[i].seal == nullptr)
      return false;
    sets.push_back(all[i]);
  }
  return true;
}

std::expected<Seal, std::string> parse_seal(std::string_view value) {
  using Fault = std::unexpected<std::string>;
  const auto tags = value.size() > kSignatureFieldBytesMax ? std::nullopt : TagList::parse(value);
  if (!tags) return Fault("seal: syntax error");
  const auto text = [&](std::string_view name) {
    const Tag* tag = tags->find(name);
    return tag == nullptr ? std::string() : std::string(tag->value);
  };
  if (tags->find("h") != nullptr) return Fault("seal with h=");  // section 4.1.3
  Seal seal;
  if (text("a") == "ed25519-sha256")
    seal.algorithm = Algorithm::kEd25519Sha256;
  else if (text("a") != "rsa-sha256")
    return Fault("seal: unknown algorithm");
  seal.domain = ascii_lower(text("d"));
  seal.selector = ascii_lower(text("s"));
  seal.verdict = ascii_lower(text("cv"));
  const auto signature = folded_base64(text("b"));
  if (!is_dns_name(seal.domain) || !is_dns_name(seal.selector) || !signature || signature->empty())
    return Fault("seal: syntax error");
  seal.signature = *signature;
  return seal;
}

// What the seal of the last of `sets` signs (section 5.1.1).
std::string sealed_data(const std::vector<ArcSet>& sets, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    append_canonical(out, Canonical::kRelaxed, sets[i].results->lines);
    append_canonical(out, Canonical::kRelaxed, sets[i].message->lines);
    if (i + 1 < count) append_canonical(out, Canonical::kRelaxed, sets[i].seal->lines);
  }
  append_canonical(out, Canonical::kRelaxed, without_signature(sets[count - 1].seal->lines));
  out.resize(out.size() - 2);
  return out;
}

ArcChain failed(ArcChain chain, std::string reason) {
  chain.status = ArcStatus::kFail;
  chain.reason = std::move(reason);
  return chain;
}

// The newest message signature: the message as the last sealer sent it.
Task<ArcChain> check_message(dns::Resolver& resolver, const MessageParts& parts, BodyHashes& hashes,
                             const ArcSet& newest, WallTime now, ArcChain chain) {
  auto signature = parse_signature(newest.message->value, SignatureField::kArcMessage);
  if (!signature) co_return failed(std::move(chain), "message signature: " + signature.error());
  for (const std::string& name : signature->headers) {
    if (name == "arc-seal") co_return failed(std::move(chain), "message signature over a seal");
  }
  const auto now_s = std::chrono::floor<Seconds>(now).time_since_epoch().count();
  const DkimResult result = co_await check_signature(resolver, parts, hashes, std::move(*signature),
                                                     newest.message->lines, now_s);
  if (result.status == DkimStatus::kPass) co_return chain;
  if (result.status == DkimStatus::kTempError) {
    chain.status = ArcStatus::kTempError;
    co_return chain;
  }
  co_return failed(std::move(chain), "message signature: " + result.reason);
}

Task<ArcChain> check_seal(dns::Resolver& resolver, Seal seal, std::string data, ArcChain chain) {
  const KeyAnswer key = co_await find_key(resolver, seal.selector + "._domainkey." + seal.domain);
  if (key.status == DkimStatus::kTempError) {
    chain.status = ArcStatus::kTempError;
    co_return chain;
  }
  if (key.status != DkimStatus::kPass) co_return failed(std::move(chain), "seal: " + key.reason);
  if (key.record.key.empty() || key.record.algorithm != seal.algorithm)
    co_return failed(std::move(chain), "seal: key revoked or of another algorithm");
  const auto good = check_key(key.record, seal.algorithm, data, seal.signature);
  if (!good) co_return failed(std::move(chain), "seal: " + good.error());
  co_return chain;
}

std::string field_value_after_instance(const Field& field) {
  const std::size_t end = field.value.find(';');
  return end == std::string_view::npos ? std::string()
                                       : std::string(trim_folds(field.value.substr(end + 1)));
}

}  // namespace

std::string_view to_string(ArcStatus status) {
  switch (status) {
    case ArcStatus::kNone: return "none";
    case ArcStatus::kPass: return "pass";
    case ArcStatus::kFail: return "fail";
    case ArcStatus::kTempError: return "temperror";
  }
  return "none";
}

Task<ArcChain> verify_arc(dns::Resolver& resolver, const MessageParts& parts, BodyHashes& hashes,
                          WallTime now) {
  ArcChain chain;
  std::vector<ArcSet> sets;
  const bool whole = collect(parts, sets);
  if (whole && sets.empty()) co_return chain;
  chain.sets = static_cast<unsigned>(sets.size());
  // Nothing can be put on top of what cannot be counted.
  chain.ended = !whole;
  if (!whole) co_return failed(std::move(chain), "sets are not whole");
  chain.status = ArcStatus::kPass;
  std::vector<Seal> seals;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    auto seal = parse_seal(sets[i].seal->value);
    if (!seal) co_return failed(std::move(chain), std::move(seal).error());
    chain.sealers.push_back(seal->domain);
    chain.results.push_back(field_value_after_instance(*sets[i].results));
    const bool newest = i + 1 == sets.size();
    chain.ended = newest && seal->verdict == "fail";
    if (seal->verdict != (i == 0 ? "none" : "pass"))
      co_return failed(std::move(chain), "a seal says cv=" + escape_for_log(seal->verdict, 20));
    seals.push_back(std::move(*seal));
  }
  chain = co_await check_message(resolver, parts, hashes, sets.back(), now, std::move(chain));
  for (std::size_t i = sets.size(); i > 0 && chain.status == ArcStatus::kPass; --i) {
    chain = co_await check_seal(resolver, seals[i - 1], sealed_data(sets, i), std::move(chain));
  }
  co_return chain;
}

std::string seal(const MessageParts& parts, const ArcChain& chain, std::string_view results,
                 const SigningKey& key, std::string_view body_hash, WallTime now) {
  if (chain.ended || chain.sets >= kArcSetsMax || chain.status == ArcStatus::kTempError) return {};
  const unsigned instance = chain.sets + 1;
  const auto now_s = std::chrono::floor<Seconds>(now).time_since_epoch().count();
  const std::string aar = fmt::format("{}: i={}; {}\r\n", kResultsName, instance, results);
  DkimSignature signature;
  signature.header_form = Canonical::kRelaxed;
  signature.headers = names_to_sign(parts);
  signature.headers.emplace_back("dkim-signature");
  std::string ams =
      fmt::format("{}: i={}; a={}; c=relaxed/relaxed;\r\n\td={}; s={}; t={};", kMessageName,
                  instance, to_string(key.algorithm()), key.domain, key.selector, now_s);
  append_signed_names(ams, signature.headers);
  ams += fmt::format("\r\n\tbh={};\r\n\tb=", base64_encode(body_hash));
  const std::string ams_data = signed_header(parts, signature, ams);
  ams = with_signature(std::move(ams), sign_with(key, ams_data));
  const std::string_view verdict =
      chain.status == ArcStatus::kNone ? "none" : to_string(chain.status);
  std::string as =
      fmt::format("{}: i={}; a={}; t={}; cv={};\r\n\td={}; s={};\r\n\tb=", kSealName, instance,
                  to_string(key.algorithm()), now_s, verdict, key.domain, key.selector);
  std::vector<ArcSet> sets;
  // A chain that is broken is sealed as far as our own set alone (section 5.1.2).
  if (chain.status == ArcStatus::kPass && !collect(parts, sets)) return {};
  const Field own[] = {{kResultsName, aar, {}}, {kMessageName, ams, {}}, {kSealName, as, {}}};
  sets.push_back({&own[0], &own[1], &own[2]});
  as = with_signature(std::move(as), sign_with(key, sealed_data(sets, sets.size())));
  return as + ams + aar;
}

}  // namespace hauspost::mailauth
