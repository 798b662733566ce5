"""Every shipped profile: its vectors through its driver, and the promises it makes."""

from __future__ import annotations

import pytest

from edge.drivers.base import Captured
from edge.drivers.registry import MODBUS, find_driver, places_of
from telemetry.devices.library import Library
from telemetry.devices.profiles import Profile, Vector

LIBRARY = Library.shipped()
PROFILES = [LIBRARY.profile(profile_id) for profile_id in LIBRARY.profile_ids()]
VECTORS = [
    pytest.param(profile, vector, id=f"{profile.id}-{vector.name}")
    for profile in PROFILES
    for vector in profile.vectors
]
MUST_BE_THERE = {
    "eastron_sdm120", "eastron_sdm630", "chint_dtsu666", "schneider_iem3000", "peacefair_pzem016",
    "peacefair_pzem017", "waveshare_relay8", "waveshare_ao8", "waveshare_ai8", "eletechsup_r4pin08",
    "intesis_dali_modbus", "tuf2000m", "siemens_mag8000", "qdw90a_pressure", "belimo_mod_actuator",
    "senseair_s8", "dfrobot_sen0662", "jxct_7in1_variant_a", "cwt_soil_7in1_variant_b", "renke_rs_ws_n01_tr",
    "xy_md02", "ecowitt_wn90lp", "ecowitt_wn69lp", "campbell_metsens200", "plantower_pms5003", "nmea_gnss",
    "nova_sds011", "winsen_zh03b", "panasonic_gcja5", "winsen_mhz19", "a02yyuw_level", "maxbotix_hrxl_wr",
    "sdi12_generic", "vaisala_wxt536", "vaisala_aqt530", "davis_vantage", "kamstrup_kmp", "teltonika_codec8",
    "pulse_water_meter", "truck_digital_inputs",
}  # fmt: skip


def captured(vector: Vector) -> Captured:
    """The vector as somebody would have logged it."""
    response = bytes.fromhex(vector.response) if vector.response else (vector.ascii or "").encode()
    return Captured(bytes.fromhex(vector.request or ""), response, vector.base)


def installed(profile: Profile) -> Profile:
    """The profile with what only the site knows: the number of its tracker."""
    if "imei" not in profile.options:
        return profile
    return profile.model_copy(update={"options": {**profile.options, "imei": "356307042441013"}})


@pytest.mark.parametrize(("profile", "vector"), VECTORS)
def test_vector_decodes_to_what_it_says(profile: Profile, vector: Vector) -> None:
    explained = find_driver(profile.driver).explain(profile, captured(vector))
    values = {point.key: point.value for point in explained.points}
    for key, expected in vector.expect.items():
        if isinstance(expected, float):
            assert values[key] == pytest.approx(expected, rel=1e-6)
        else:
            assert values[key] == expected
    if vector.request:
        assert explained.request


def test_all_proven_modbus_models_and_the_serial_ones_are_shipped() -> None:
    assert {profile.id for profile in PROFILES} >= MUST_BE_THERE
    assert not any(LIBRARY.profile(profile_id).disabled for profile_id in MUST_BE_THERE)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_unproven_profiles_and_only_those_are_disabled(profile: Profile) -> None:
    assert bool(profile.disabled) == (profile.evidence == "C")


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_usable_profiles_give_something_to_their_class(profile: Profile) -> None:
    assert profile.disabled or any(point.mappings for point in profile.expanded)
    assert profile.title
    if profile.driver == MODBUS:
        assert all(point.address is not None for point in profile.expanded)
    else:
        places_of(installed(profile))


def test_metric_of_the_same_name_means_the_same_in_every_class() -> None:
    """A profile of one class may serve a device of another: equal names then need equal units and types."""
    seen: dict[str, tuple[str, str]] = {}
    for device_class in LIBRARY.classes.values():
        for point in device_class.points:
            meaning = (point.unit, point.type.value)
            assert seen.setdefault(point.metric, meaning) == meaning, point.metric
