// Answers of filter programs: any bytes have an outcome, how they are cut into reads changes
// nothing, and what they change leaves a message whole.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "transport/filter/message_parts.h"
#include "transport/filter/milter_wire.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

constexpr std::string_view kPrefix = "Received: from client by server\r\n";
constexpr std::string_view kMessage =
    "From: anna@example.org\r\nSubject: one\r\n two\r\n\r\nBody\r\n.\r\n";

bool has_bare_line_end(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) return true;
    if (text[i] == '\r' && (i + 1 == text.size() || text[i + 1] != '\n')) return true;
  }
  return false;
}

// Our own trace field stays in front or behind what was put there, and nothing of a header ends it.
void check_message(const MessageParts& parts) {
  const std::string text = parts.to_string();
  const std::size_t end = text.find("\r\n\r\n");
  HP_CHECK(end != std::string::npos);
  const std::string_view header = std::string_view(text).substr(0, end + 2);
  HP_CHECK(header.find(kPrefix) != std::string_view::npos);
  HP_CHECK(!has_bare_line_end(header));
  for (const milter::HeaderField& field : parts.fields()) HP_CHECK(!field.name.empty());
}

std::vector<milter::Answer> answers(std::string_view input, std::size_t step) {
  std::vector<milter::Answer> out;
  std::string buffer;
  bool broken = false;
  while (!input.empty() && !broken) {
    const std::size_t count = std::min(step, input.size());
    buffer += input.substr(0, count);
    input.remove_prefix(count);
    while (auto packet = milter::take_packet(buffer, broken)) {
      if (packet->letter == 'O') [[maybe_unused]]
        const auto options = milter::parse_options(packet->data);
      auto answer = milter::parse_answer(*packet);
      if (!answer) return out;
      out.push_back(std::move(*answer));
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto whole = answers(input, input.size() + 1);
  const auto cut = answers(input, 1);
  HP_CHECK(whole.size() == cut.size());
  MessageParts parts(kPrefix, kMessage);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    HP_CHECK(whole[i].kind == cut[i].kind && whole[i].value == cut[i].value);
    if (whole[i].kind == milter::Answer::Kind::kReply)
      HP_CHECK(whole[i].reply.code >= 400 && whole[i].reply.code <= 599);
    parts.apply(whole[i]);
  }
  check_message(parts);
  return 0;
}
