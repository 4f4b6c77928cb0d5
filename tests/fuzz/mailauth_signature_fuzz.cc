// DKIM-Signature fields, key records and canonical forms: any bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "transport/authentication/canonical.h"
#include "transport/authentication/dkim_signature.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::mailauth;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto field : {SignatureField::kDkim, SignatureField::kArcMessage}) {
    const auto signature = parse_signature(bytes, field);
    if (!signature) {
      HP_CHECK(!signature.error().empty());
      continue;
    }
    HP_CHECK(is_dns_name(signature->domain) && is_dns_name(signature->selector));
    HP_CHECK(!signature->headers.empty() && signature->headers.size() <= kSignedNamesMax);
    HP_CHECK(!signature->signature.empty());
  }
  if (const auto record = parse_key_record(bytes); !record) HP_CHECK(!record.error().empty());
  HP_CHECK(without_signature(bytes).size() <= bytes.size());
  for (const auto form : {Canonical::kSimple, Canonical::kRelaxed}) {
    // However a body is cut, its hash is the same.
    BodyHash whole(form);
    whole.feed(bytes);
    BodyHash pieces(form);
    for (std::size_t at = 0; at < size; at += 3) pieces.feed(bytes.substr(at, 3));
    HP_CHECK(whole.finish() == pieces.finish());
    HP_CHECK(whole.octets() == pieces.octets());
    std::string canonical;
    append_canonical(canonical, form, bytes);
  }
  const MessageParts parts = split_message(bytes, 20);
  HP_CHECK(parts.fields.size() <= 20 && parts.body.size() <= size);
  return 0;
}
