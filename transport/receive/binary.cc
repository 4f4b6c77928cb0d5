#include "transport/receive/binary.h"

#include <fmt/format.h>

#include "protocols/smtp/data_reader.h"
#include "store/mime/plain_lines.h"

namespace hauspost::transport {

namespace {

using smtp::ContentFault;
using smtp::Reply;

ContentFault fault_of(std::string_view bytes) {
  smtp::ContentCheck check;
  check.feed(bytes);
  check.finish();
  return check.fault();
}

std::string_view text_of(mime::Unfit unfit) {
  switch (unfit) {
    case mime::Unfit::kHeader: return "its header is not ASCII";
    case mime::Unfit::kSigned: return "a signed part would be changed";
    case mime::Unfit::kNoMeans: break;
  }
  return "a part of it must not be encoded";
}

}  // namespace

std::expected<std::string, Reply> without_binary(std::string message) {
  if (fault_of(message) == ContentFault::kNone) return message;
  // Where fields end must be the same to everybody who reads them.
  const std::size_t header_end = message.find("\r\n\r\n");
  const ContentFault in_header = fault_of(std::string_view(message).substr(0, header_end));
  if (in_header != ContentFault::kNone) return std::unexpected(smtp::refusal(in_header));
  auto lines = mime::make_plain_lines(message, true);
  if (!lines) {
    return std::unexpected(
        Reply{554, "5.6.3",
              fmt::format("Binary contents that cannot be kept: {}", text_of(lines.error()))});
  }
  const ContentFault left = fault_of(*lines);
  if (left != ContentFault::kNone) return std::unexpected(smtp::refusal(left));
  return std::move(*lines);
}

}  // namespace hauspost::transport
