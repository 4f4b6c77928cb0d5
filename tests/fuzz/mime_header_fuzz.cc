// Header values of any bytes: decoded text is always UTF-8, folding is stable, and every parser
// ends.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "store/mime/addresses.h"
#include "store/mime/content.h"
#include "store/mime/message.h"

using namespace hauspost;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  const std::string text = mime::decode_header_text(raw);
  HP_CHECK(is_valid_utf8(text));
  const std::string folded = mime::fold(text);
  HP_CHECK(mime::fold(folded) == folded);
  HP_CHECK(is_valid_utf8(mime::decode_address_text(raw)));
  HP_CHECK(mime::parse_addresses(raw, 50).size() <= 51);
  int groups = 0;
  for (const mime::Address& address : mime::parse_addresses(raw, 50)) {
    if (address.kind == mime::Address::Kind::kGroupStart) HP_CHECK(++groups == 1);
    if (address.kind == mime::Address::Kind::kGroupEnd) HP_CHECK(--groups == 0);
  }
  HP_CHECK(groups == 0);
  if (const auto type = mime::parse_content_type(raw, {})) {
    HP_CHECK(type->parameters.size() <= mime::Limits{}.parameters_max);
    for (const mime::Parameter& parameter : type->parameters) {
      mime::decoded_parameter(type->parameters, parameter.name);
    }
    mime::decoded_parameters_text(type->parameters);
  }
  mime::parse_disposition(raw, {});
  mime::parse_languages(raw, {});
  if (const auto date = mime::parse_date_header(raw)) {
    const std::int64_t off = date->unix_s - std::int64_t{date->day} * 86'400;
    HP_CHECK(off >= -400'000 && off <= 500'000);
  }
  return 0;
}
