// DMARC records, From fields and Authentication-Results of others: any bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "transport/authentication/results_field.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::mailauth;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto record = parse_dmarc_record(bytes)) {
    HP_CHECK(record->percent <= 100);
    HP_CHECK(record->report_to.size() <= kReportAddressesMax);
  }
  const auto domains = from_domains(split_message(bytes));
  HP_CHECK(domains.size() <= kFromDomainsMax);
  for (const std::string& domain : domains) HP_CHECK(is_dns_name(domain));
  std::string message(bytes);
  const std::size_t removed = remove_own_results(message, "mx.example.org");
  HP_CHECK(message.size() + removed == size);
  HP_CHECK(remove_own_results(message, "mx.example.org") == 0);
  // Whatever a peer said, the field stays one field.
  Verdicts verdicts;
  verdicts.sender = verdicts.helo = std::string(bytes);
  verdicts.spf = SpfVerdict{.result = SpfResult::kFail, .domain = std::string(bytes)};
  verdicts.spf->problem = std::string(bytes);
  const std::string value = results_value("mx.example.org", verdicts);
  for (std::size_t at = value.find('\n'); at != std::string::npos; at = value.find('\n', at + 1))
    HP_CHECK(value.substr(at - 1, 3) == "\r\n\t");
  return 0;
}
