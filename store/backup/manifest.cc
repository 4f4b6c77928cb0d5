#include "store/backup/manifest.h"

#include <fmt/format.h>

#include <charconv>

#include "base/bytes.h"
#include "base/text.h"

namespace hauspost::store {

namespace {

constexpr std::string_view kFirstLine = "hauspost-backup 1";
constexpr std::size_t kNameMax = 256;

// The words of one line, taken one after the other.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  std::string_view word() {
    const std::size_t end = rest_.find(' ');
    const std::string_view taken = rest_.substr(0, end);
    rest_ = end == std::string_view::npos ? std::string_view() : rest_.substr(end + 1);
    if (taken.empty()) ok_ = false;
    return taken;
  }
  template <class T>
  T number(int base = 10) {
    const std::string_view text = word();
    T value{};
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value, base);
    if (parsed.ec != std::errc() || parsed.ptr != end) ok_ = false;
    return value;
  }
  Lsn lsn() { return Lsn(number<std::uint64_t>()); }
  std::string_view rest() { return std::exchange(rest_, {}); }
  void expect(bool holds) { ok_ = ok_ && holds; }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

BackupGeneration take_generation(Words& words) {
  BackupGeneration out;
  out.number = words.number<std::uint64_t>();
  const std::string_view kind = words.word();
  out.full = kind == "full";
  words.expect(out.full || kind == "incremental");
  out.begun_us = words.number<std::int64_t>();
  out.ended_us = words.number<std::int64_t>();
  out.lsn = words.lsn();
  out.time_us = words.number<std::int64_t>();
  out.epoch = words.number<std::uint64_t>();
  out.mailboxes = words.number<std::uint64_t>();
  out.messages = words.number<std::uint64_t>();
  out.copied_bytes = words.number<std::uint64_t>();
  return out;
}

BackupImage take_image(Words& words) {
  BackupImage out;
  out.lsn = words.lsn();
  out.created_us = words.number<std::int64_t>();
  out.bytes = words.number<std::uint64_t>();
  return out;
}

BackupSegment take_segment(Words& words) {
  BackupSegment out;
  out.first = words.lsn();
  out.last = words.lsn();
  out.oldest_us = words.number<std::int64_t>();
  out.newest_us = words.number<std::int64_t>();
  out.bytes = words.number<std::uint64_t>();
  out.crc = words.number<std::uint32_t>(16);
  words.expect(out.first != Lsn() && out.first <= out.last && out.last.value < UINT64_MAX);
  return out;
}

class Parser {
 public:
  Result<BackupManifest> parse(std::string_view text) {
    std::size_t at = 0;
    for (number_ = 1; !ended_; ++number_) {
      const std::size_t end = text.find('\n', at);
      if (end == std::string_view::npos) return bad("the manifest is cut short");
      Words words(text.substr(at, end - at));
      const std::string_view before = text.substr(0, at);
      if (!take(words, before) || !words.done())
        return bad(fmt::format("line {} of the manifest is damaged", number_));
      at = end + 1;
    }
    if (at != text.size()) return bad("the manifest goes on behind its end");
    if (manifest_.generations.empty()) return bad("the manifest names no backup");
    return std::move(manifest_);
  }

 private:
  static std::unexpected<Error> bad(std::string why) {
    return fail(ErrorCode::kCorrupt, std::move(why));
  }

  bool take(Words& words, std::string_view before) {
    if (number_ == 1) return words.rest() == kFirstLine;
    const std::string_view what = words.word();
    if (number_ == 2) return what == "database" && take_database(words);
    if (what == "generation") return add(manifest_.generations, take_generation(words));
    if (what == "image") return add(manifest_.images, take_image(words));
    if (what == "segment") return add(manifest_.segments, take_segment(words));
    ended_ = what == "end" && words.number<std::uint32_t>(16) == crc32c(before);
    return ended_;
  }

  bool take_database(Words& words) {
    const auto guid = Guid::parse(words.word());
    manifest_.name = words.rest();
    if (guid) manifest_.database = *guid;
    return guid && manifest_.name.size() <= kNameMax;
  }

  static bool follows(const BackupGeneration& a, const BackupGeneration& b) {
    return b.number > a.number && b.lsn >= a.lsn;
  }
  static bool follows(const BackupImage& a, const BackupImage& b) { return b.lsn > a.lsn; }
  static bool follows(const BackupSegment& a, const BackupSegment& b) { return b.first > a.last; }

  template <class T>
  static bool add(std::vector<T>& list, T item) {
    if (!list.empty() && !follows(list.back(), item)) return false;
    list.push_back(std::move(item));
    return true;
  }

  BackupManifest manifest_;
  std::size_t number_ = 0;
  bool ended_ = false;
};

}  // namespace

std::string encode(const BackupManifest& manifest) {
  std::string out(kFirstLine);
  out += fmt::format("\ndatabase {} {}\n", manifest.database.to_string(),
                     escape_for_log(manifest.name));
  for (const BackupGeneration& g : manifest.generations) {
    out += fmt::format("generation {} {} {} {} {} {} {} {} {} {}\n", g.number,
                       g.full ? "full" : "incremental", g.begun_us, g.ended_us, g.lsn.value,
                       g.time_us, g.epoch, g.mailboxes, g.messages, g.copied_bytes);
  }
  for (const BackupImage& image : manifest.images)
    out += fmt::format("image {} {} {}\n", image.lsn.value, image.created_us, image.bytes);
  for (const BackupSegment& s : manifest.segments) {
    out += fmt::format("segment {} {} {} {} {} {:08x}\n", s.first.value, s.last.value, s.oldest_us,
                       s.newest_us, s.bytes, s.crc);
  }
  out += fmt::format("end {:08x}\n", crc32c(out));
  return out;
}

Result<BackupManifest> decode_manifest(std::string_view text) { return Parser().parse(text); }

std::vector<LsnSpan> restorable(const BackupManifest& manifest) {
  std::vector<LsnSpan> spans;
  auto image = manifest.images.begin();
  for (std::size_t i = 0; i < manifest.segments.size();) {
    const Lsn first = manifest.segments[i].first;
    Lsn last = manifest.segments[i].last;
    // Segments whose records follow each other without a hole.
    for (++i; i < manifest.segments.size() && manifest.segments[i].first == last.next(); ++i)
      last = manifest.segments[i].last;
    if (first == Lsn(1)) {
      spans.push_back({first, last});
      continue;
    }
    // An image as of just before the first record will do, too.
    while (image != manifest.images.end() && image->lsn.next() < first) ++image;
    if (image != manifest.images.end() && image->lsn <= last) spans.push_back({image->lsn, last});
  }
  return spans;
}

const BackupImage* base_image(const BackupManifest& manifest, Lsn lsn) {
  const BackupImage* base = nullptr;
  for (const BackupImage& image : manifest.images) {
    if (image.lsn <= lsn) base = &image;
  }
  return base;
}

}  // namespace hauspost::store
