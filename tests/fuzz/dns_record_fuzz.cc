// TXT records that announce policies and ask for reports: any texts.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "transport/dns/sts_policy.h"
#include "transport/dns/tls_report_mail.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> records;
  for (const std::string_view line : split(bytes, '\n')) records.emplace_back(line);
  if (const auto id = dns::sts_id(records)) {
    HP_CHECK(!id->empty() && id->size() <= 32);
    for (const char octet : *id) HP_CHECK(std::isalnum(static_cast<unsigned char>(octet)) != 0);
  }
  const auto addresses = dns::report_addresses(records);
  HP_CHECK(addresses.size() <= dns::kReportAddressesMax);
  for (const std::string& address : addresses)
    HP_CHECK(address.find('@') != std::string::npos &&
             address.find_first_of("\r\n") == std::string::npos);
  return 0;
}
