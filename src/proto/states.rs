//! The names of machines' states, for the tables that tests make of them.

/// Gives a machine the names of its states, in `$all`, and of the one that it is in, `$one`. The match is exhaustive, so
/// that a state that is added is missing in no list.
macro_rules! state_names {
    ($vis:vis $machine:ident, $all:ident, $one:ident, $field:ident, $state:ident: $($name:ident),+ $(,)?) => {
        #[cfg(feature = "harness")]
        impl $machine {
            /// The names of the states.
            $vis const $all: &'static [&'static str] = &[$(stringify!($name)),+];

            /// The name of the state.
            $vis fn $one(&self) -> &'static str {
                match &self.$field {
                    $($state::$name { .. } => stringify!($name),)+
                }
            }
        }
    };
}

pub(crate) use state_names;
