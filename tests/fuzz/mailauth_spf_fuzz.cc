// SPF records and macros: any bytes.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "transport/authentication/spf_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::mailauth;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  SpfMacros macros;
  macros.sender = "strong-bad@email.example.com";
  macros.domain = "email.example.com";
  macros.client = IpAddress::parse("2001:db8::cb01").value();
  macros.helo = "mx.example.org";
  for (const bool explanation : {false, true}) {
    const auto text = expand_macros(bytes, macros, explanation);
    if (text) HP_CHECK(fit_domain(*text).size() <= 253);
  }
  uses_validated_name(bytes);
  is_checkable_domain(bytes);
  if (const auto address = IpAddress::parse(bytes))
    HP_CHECK(IpAddress::parse(address->to_string())->shares(*address, address->v6 ? 128 : 32));
  if (!is_spf_record(bytes)) return 0;
  const auto record = parse_spf_record(bytes);
  if (!record) {
    HP_CHECK(!record.error().empty());
    return 0;
  }
  for (const SpfMechanism& one : record->mechanisms)
    HP_CHECK(one.prefix4 <= 32 && one.prefix6 <= 128);
  return 0;
}
