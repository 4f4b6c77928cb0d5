#include "base/text.h"
#include "server/transfer/mbox_line.h"
#include "server/transfer/out_file.h"
#include "server/transfer/sinks.h"

namespace hauspost::transfer {

namespace {

constexpr std::string_view kSender = "MAILER-DAEMON";

// Every line ends in CRLF, the last too: then the file holds LF for them and they come back.
bool is_regular(std::string_view body) {
  if (!body.ends_with("\r\n")) return false;
  std::size_t at = 0;
  for (std::size_t end = body.find('\n'); end != std::string_view::npos;
       end = body.find('\n', at)) {
    // "\r\r\n" would lose one.
    if (end == at) return false;
    if (body[end - 1] != '\r' || (end - at >= 2 && body[end - 2] == '\r')) return false;
    at = end + 1;
  }
  return true;
}

class MboxSink final : public Sink {
 public:
  MboxSink(std::string path, OutFile file) : path_(std::move(path)), file_(std::move(file)) {}

  Result<> begin_folder(const OutFolder& folder) override {
    folder_ = folder.path;
    return {};
  }

  Result<> add(std::span<const OutMessage> messages) override {
    for (const OutMessage& message : messages) TRY(add_one(message));
    return {};
  }

  Result<std::string> flush() override {
    TRY(file_.flush());
    return std::to_string(file_.length());
  }

  Result<> finish() override {
    TRY(file_.flush());
    return name_whole(path_);
  }

 private:
  Result<> add_one(const OutMessage& message) {
    const std::string_view body = message.body.bytes;
    const bool raw = !is_regular(body);
    text_ = from_line(kSender, message.date_s) + "\n" +
            state_fields(message.flags, message.keywords) +
            state_line({.size = body.size(), .raw = raw, .folder = folder_}) + "\n";
    std::size_t at = 0;
    while (at < body.size()) {
      const std::size_t found = body.find('\n', at);
      const std::size_t end = found == std::string_view::npos ? body.size() : found;
      std::string_view line = body.substr(at, end - at);
      if (needs_quoting(line)) text_ += '>';
      if (!raw) line.remove_suffix(1);
      text_ += line;
      if (found != std::string_view::npos) text_ += '\n';
      at = end + 1;
    }
    if (!text_.ends_with('\n')) text_ += '\n';
    text_ += '\n';
    return file_.write(text_);
  }

  const std::string path_;
  OutFile file_;
  std::string folder_;
  std::string text_;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_mbox_sink(const std::string& path, const std::string& position) {
  const std::uint64_t keep = parse_u64(position).value_or(0);
  TRY_ASSIGN(OutFile file, OutFile::open(part_of(path), keep));
  return std::make_unique<MboxSink>(path, std::move(file));
}

}  // namespace hauspost::transfer
