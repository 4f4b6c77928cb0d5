#include "server/store_worker/quota_warning.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/text.h"
#include "transport/trace.h"

namespace hauspost::store_worker {

namespace {

std::string size_text(std::uint64_t bytes) {
  constexpr double kKiB = 1024;
  const auto size = static_cast<double>(bytes);
  if (size < kKiB * kKiB) return fmt::format("{:.1f} KB", size / kKiB);
  if (size < kKiB * kKiB * kKiB) return fmt::format("{:.1f} MB", size / (kKiB * kKiB));
  return fmt::format("{:.2f} GB", size / (kKiB * kKiB * kKiB));
}

std::string_view subject_of(QuotaLevel level) {
  switch (level) {
    case QuotaLevel::kFine:
    case QuotaLevel::kWarn: return "Your mailbox is nearly full";
    case QuotaLevel::kNoSending: return "Your mailbox is too full to send mail";
    case QuotaLevel::kFull: return "Your mailbox is full and takes no more mail";
  }
  return {};
}

std::string explanation(const QuotaWarning& warning) {
  const directory::EffectiveLimits& limits = warning.limits;
  std::string text;
  const auto step = [&](std::uint64_t bytes, bool passed, std::string_view what) {
    if (bytes == directory::kUnlimited) return;
    text += fmt::format("  {} {}{}\r\n", size_text(bytes), what, passed ? "  (passed)" : "");
  };
  step(limits.warn_bytes, warning.level >= QuotaLevel::kWarn, "you are warned");
  step(limits.prohibit_send_bytes, warning.level >= QuotaLevel::kNoSending, "you cannot send mail");
  step(limits.prohibit_receive_bytes, warning.level >= QuotaLevel::kFull,
       "mail for you is refused");
  return text;
}

}  // namespace

QuotaLevel quota_level(std::uint64_t bytes, const directory::EffectiveLimits& limits) {
  if (bytes >= limits.prohibit_receive_bytes) return QuotaLevel::kFull;
  if (bytes >= limits.prohibit_send_bytes) return QuotaLevel::kNoSending;
  if (bytes >= limits.warn_bytes) return QuotaLevel::kWarn;
  return QuotaLevel::kFine;
}

std::string_view to_string(QuotaLevel level) {
  switch (level) {
    case QuotaLevel::kFine: return "ok";
    case QuotaLevel::kWarn: return "warn";
    case QuotaLevel::kNoSending: return "no-send";
    case QuotaLevel::kFull: return "full";
  }
  return {};
}

std::string quota_warning_text(const QuotaWarning& warning) {
  const std::size_t at = warning.address.rfind('@');
  const std::string domain =
      at == std::string::npos ? warning.hostname : warning.address.substr(at + 1);
  return fmt::format(
      "From: Mail server <postmaster@{}>\r\n"
      "To: <{}>\r\n"
      "Subject: {}\r\n"
      "Date: {}\r\n"
      "Message-ID: <quota-{}@{}>\r\n"
      "Auto-Submitted: auto-generated\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=utf-8\r\n"
      "\r\n"
      "Your mailbox {} holds {}. These are its limits:\r\n"
      "\r\n"
      "{}"
      "\r\n"
      "Delete messages that you no longer need, or move them to a folder on your own\r\n"
      "computer. Messages in the folder for deleted items count until they are removed\r\n"
      "from there too.\r\n"
      "\r\n"
      "This message was written by the mail server; there is no need to answer it.\r\n",
      domain, warning.address, subject_of(warning.level), transport::rfc5322_date(warning.time),
      to_hex(warning.id.as_bytes()), warning.hostname, warning.address, size_text(warning.bytes),
      explanation(warning));
}

Guid quota_warning_id(const Guid& mailbox, QuotaLevel level, WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
  std::string salt;
  put_le(salt, (static_cast<std::uint64_t>(day) << 8 | static_cast<std::uint64_t>(level)) ^
                   0x9e37'79b9'7f4a'7c15ULL);
  std::string bytes(mailbox.as_bytes());
  for (std::size_t i = 0; i < salt.size(); ++i) bytes[i] = static_cast<char>(bytes[i] ^ salt[i]);
  return Guid::from_bytes(bytes).value_or(mailbox);
}

}  // namespace hauspost::store_worker
