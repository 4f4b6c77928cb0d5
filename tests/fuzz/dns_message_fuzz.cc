// Answers of DNS servers: any bytes; what reads is bounded and consistent. And MTA-STS policies.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "transport/dns/message.h"
#include "transport/dns/sts_policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hauspost::dns;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto type : {RecordType::kA, RecordType::kAaaa, RecordType::kMx, RecordType::kTxt,
                          RecordType::kTlsa, RecordType::kPtr}) {
    const auto message = parse_message(bytes, "a.test", type);
    if (!message) continue;
    HP_CHECK(message->answer.found() == !message->answer.records.empty());
    HP_CHECK(message->answer.records.size() <= kRecordsMax);
    for (const auto& record : message->answer.records) record_text(type, record);
  }
  if (const auto policy = parse_sts_policy(bytes)) {
    std::string again;
    for (const auto& line : lines_of(*policy)) again += line + "\n";
    HP_CHECK(parse_sts_policy(again).value() == *policy);
    allows(*policy, bytes.substr(0, 255));
  }
  return 0;
}
