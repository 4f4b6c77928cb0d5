// Identifiers that cannot be mixed up.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hauspost {

// A number with a meaning. Ids compare and hash; they have no arithmetic but next().
template <class Tag, class Number>
struct StrongId {
  using number_type = Number;
  Number value = 0;

  constexpr StrongId() = default;
  constexpr explicit StrongId(Number v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;
  constexpr StrongId next() const { return StrongId(static_cast<Number>(value + 1)); }
};

// 128 random bits that name a database, a mailbox or a delivery for ever.
struct Guid {
  std::array<std::uint8_t, 16> bytes{};

  static Guid random();
  // Rises with time (RFC 9562 version 7), so that what is made one after the other lies together in
  // a table. Unique, but no secret.
  static Guid ordered();
  // "8-4-4-4-12" hexadecimal, either case; nullopt when it is not that.
  static std::optional<Guid> parse(std::string_view text);
  // REQUIRES: sixteen bytes. nullopt otherwise.
  static std::optional<Guid> from_bytes(std::string_view raw);

  std::string to_string() const;
  std::string_view as_bytes() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool is_nil() const { return *this == Guid{}; }
  auto operator<=>(const Guid&) const = default;
};

}  // namespace hauspost

template <class Tag, class Number>
struct std::hash<hauspost::StrongId<Tag, Number>> {
  std::size_t operator()(const hauspost::StrongId<Tag, Number>& id) const noexcept {
    return std::hash<Number>{}(id.value);
  }
};
template <>
struct std::hash<hauspost::Guid> {
  std::size_t operator()(const hauspost::Guid& guid) const noexcept {
    return std::hash<std::string_view>{}(guid.as_bytes());
  }
};
