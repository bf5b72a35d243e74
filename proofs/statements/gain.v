(** *gain*: the output of a linear system is at most gamma times its input, in energy, from rest.

    The bounded real lemma, the direction that needs no stability, for one system or the difference of two.
    Spec: statements.md#gain. *)
From Coq Require Import String ZArith Reals Lia Lra Bool List.
From Certify Require Import vectors syntax semantics floats result exact forms dissipation growth systems.
From Certify.statements Require lipschitz difference_gain.
Import ListNotations.
Open Scope Z_scope.
Open Scope string_scope.

Record words := { continuous : nat; systems : list matrix_words; limit : ratio }.

(** ** What it says *)

Open Scope R_scope.

(** x+ = A x + B u or x' = A x + B u, and y = C x + D u. *)
Record parts := { part_a : matrix_words; part_b : matrix_words; part_c : matrix_words; part_d : matrix_words }.

Definition states (q : parts) : nat := mw_rows (part_a q).
Definition inputs (q : parts) : nat := mw_columns (part_b q).
Definition outputs (q : parts) : nat := mw_rows (part_c q).

Definition fitting (q : parts) : Prop :=
  mw_columns (part_a q) = states q /\ mw_rows (part_b q) = states q /\ mw_columns (part_c q) = states q /\
  mw_rows (part_d q) = outputs q /\ mw_columns (part_d q) = inputs q.

(** Entry i of A x + B u, and of C x + D u. *)
Definition image (s : store) (m : matrix_words) (x : nat -> R) (i : nat) : R := map_of (mw_columns m) (meaning s m) x i.
Definition next (s : store) (q : parts) (x u : nat -> R) (i : nat) : R :=
  image s (part_a q) x i + image s (part_b q) u i.
Definition output (s : store) (q : parts) (x u : nat -> R) (i : nat) : R :=
  image s (part_c q) x i + image s (part_d q) u i.

(** In discrete time, the input u draws the output y from the system at rest. *)
Definition draws (s : store) (q : parts) (u y : nat -> nat -> R) : Prop :=
  exists x : nat -> nat -> R,
  (forall i, (i < states q)%nat -> x 0%nat i = 0) /\
  (forall t i, (i < states q)%nat -> x (S t) i = next s q (x t) (u t) i) /\
  (forall t i, (i < outputs q)%nat -> y t i = output s q (x t) (u t) i).

(** In continuous time, up to T: states are continuous and have the derivatives that they should have, but at the
    instants of a finite list, where the input may jump. *)
Definition drives (s : store) (q : parts) (T : R) (jumps : list R) (u y : R -> nat -> R) : Prop :=
  exists x : R -> nat -> R,
  (forall i, (i < states q)%nat ->
    x 0 i = 0 /\ follows 0 T jumps (fun t => x t i) (fun t => next s q (x t) (u t) i)) /\
  (forall t i, (i < outputs q)%nat -> y t i = output s q (x t) (u t) i).

(** No second system is one whose output is zero. *)
Definition draws_if (s : store) (q : option parts) (u y : nat -> nat -> R) : Prop :=
  match q with Some q => draws s q u y | None => forall t i, y t i = 0 end.

Definition drives_if (s : store) (q : option parts) (T : R) (jumps : list R) (u y : R -> nat -> R) : Prop :=
  match q with Some q => drives s q T jumps u y | None => forall t i, y t i = 0 end.

Definition named (l : list matrix_words) : option (parts * option parts) :=
  let system a b c d := {| part_a := a; part_b := b; part_c := c; part_d := d |} in
  match l with
  | [a; b; c; d] => Some (system a b c d, None)
  | [a; b; c; d; f; g; h; k] => Some (system a b c d, Some (system f g h k))
  | _ => None
  end.

(** In continuous time the energies are any functions whose derivatives are |y - z|^2 and |u|^2. *)
Definition holds (s : store) (w : words) : Prop :=
  let gamma := ratio_value (limit w) in
  exists first second, named (systems w) = Some (first, second) /\
  fitting first /\
  (forall q, second = Some q -> fitting q /\ inputs q = inputs first /\ outputs q = outputs first) /\
  0 <= gamma /\
  (continuous w = 0%nat /\
   (forall u y z, draws s first u y -> draws_if s second u z -> forall T,
    sum T (fun t => norm2 (outputs first) (fun i => y t i - z t i))
    <= gamma * gamma * sum T (fun t => norm2 (inputs first) (u t)))
   \/
   continuous w = 1%nat /\
   (forall T jumps u y z, 0 <= T -> drives s first T jumps u y -> drives_if s second T jumps u z ->
    forall out supply : R -> R,
    follows 0 T jumps out (fun t => norm2 (outputs first) (fun i => y t i - z t i)) ->
    follows 0 T jumps supply (fun t => norm2 (inputs first) (u t)) ->
    out T - out 0 <= gamma * gamma * (supply T - supply 0))).

(** ** The check *)

Open Scope Z_scope.

Definition read_systems (l : list matrix) : option (system * option system) :=
  let made a b c d := {| s_a := a; s_b := b; s_c := c; s_d := d |} in
  match l with
  | [a; b; c; d] => Some (made a b c d, None)
  | [a; b; c; d; f; g; h; k] => Some (made a b c d, Some (made f g h k))
  | _ => None
  end.

Definition check (s : store) (w : words) (e : evidence) : result unit :=
  ms <- read_matrices s (systems w) ;;
  _ <- need "continuous" (continuous w <=? 1)%nat ;;
  both <- get "count" (read_systems ms) ;;
  _ <- need "denominator" (0 <? snd (limit w)) ;;
  _ <- need "negative-limit" (0 <=? fst (limit w)) ;;
  _ <- need "shape" (agree (fst both)) ;;
  q <- match snd both with
       | None => Ok (fst both)
       | Some other =>
           _ <- need "shape" (agree other) ;;
           _ <- need "shape" (sized (s_d other) (m_rows (s_d (fst both))) (m_columns (s_d (fst both)))) ;;
           Ok (difference (fst both) other)
       end ;;
  x <- hint s e 0 ;;
  _ <- need "shape" (sized x (m_rows (s_a q)) (m_rows (s_a q))) ;;
  _ <- shown_positive s e x 1 ;;
  let '(num, den) := limit w in
  shown_positive s e (dissipated (num * num) (den * den) (s_c q) (s_d q) (growth (continuous w) (s_a q) (s_b q) x)) 3.

(** ** It is sound *)

Open Scope R_scope.

(** The matrices of a system, read. *)
Definition stands (s : store) (q : system) (w : parts) : Prop :=
  lipschitz.reads s (part_a w) (s_a q) /\ lipschitz.reads s (part_b w) (s_b q) /\
  lipschitz.reads s (part_c w) (s_c q) /\ lipschitz.reads s (part_d w) (s_d q).

Lemma agree_ok s q w : stands s q w -> agree q = true ->
  fitting w /\ well_shaped q (states w) (inputs w) (outputs w).
Proof.
  intros ((Fa & Ra & Ca & _) & (Fb & Rb & Cb & _) & (Fc & Rc & Cc & _) & (Fd & Rd & Cd & _)) H. unfold agree in H.
  apply andb_prop in H. destruct H as [H D]. apply andb_prop in H. destruct H as [H C].
  apply andb_prop in H. destruct H as [A B]. apply sized_ok in A, B, C, D.
  unfold fitting, well_shaped, shaped, states, inputs, outputs. intuition congruence.
Qed.

Lemma image_is s m v r c x i : lipschitz.reads s v m -> shaped m r c -> (i < r)%nat ->
  image s v x i = map_of c (value m) x i.
Proof.
  intros (_ & _ & Cv & V) (_ & R & C) I. unfold image, map_of. rewrite <- Cv, C. apply sum_ext. intros j J.
  rewrite V by congruence. reflexivity.
Qed.

Lemma next_is s q w n m p x u i : stands s q w -> well_shaped q n m p -> (i < n)%nat ->
  next s w x u i = next_of q n m x u i.
Proof.
  intros (A & B & _) (Sa & Sb & _) I. unfold next, next_of.
  rewrite (image_is _ _ _ _ _ _ _ A Sa I), (image_is _ _ _ _ _ _ _ B Sb I). reflexivity.
Qed.

Lemma output_is s q w n m p x u i : stands s q w -> well_shaped q n m p -> (i < p)%nat ->
  output s w x u i = output_of q n m x u i.
Proof.
  intros (_ & _ & C & D) (_ & _ & Sc & Sd) I. unfold output, output_of.
  rewrite (image_is _ _ _ _ _ _ _ C Sc I), (image_is _ _ _ _ _ _ _ D Sd I). reflexivity.
Qed.

(** What the check establishes of a system at rest. *)
Definition shown (time : nat) (g : R) (q : system) (n m p : nat) : Prop :=
  (time = 0%nat -> forall u x y : nat -> nat -> R,
    (forall i, (i < n)%nat -> x 0%nat i = 0) ->
    (forall t i, (i < n)%nat -> x (S t) i = next_of q n m (x t) (u t) i) ->
    (forall t i, (i < p)%nat -> y t i = output_of q n m (x t) (u t) i) ->
    forall T, sum T (fun t => norm2 p (y t)) <= g * sum T (fun t => norm2 m (u t))) /\
  (time = 1%nat -> forall T jumps (u x y : R -> nat -> R), 0 <= T ->
    (forall i, (i < n)%nat -> x 0 i = 0 /\ follows 0 T jumps (fun t => x t i) (fun t => next_of q n m (x t) (u t) i)) ->
    (forall t i, (i < p)%nat -> y t i = output_of q n m (x t) (u t) i) ->
    forall out supply : R -> R,
    follows 0 T jumps out (fun t => norm2 p (y t)) -> follows 0 T jumps supply (fun t => norm2 m (u t)) ->
    out T - out 0 <= g * (supply T - supply 0)).

Lemma shown_correct s e time num den q n m p x : (0 < den)%Z -> well_shaped q n m p -> shaped x n n ->
  shown_positive s e x 1 = Ok tt ->
  shown_positive s e (dissipated num den (s_c q) (s_d q) (growth time (s_a q) (s_b q) x)) 3 = Ok tt ->
  shown time (IZR num / IZR den) q n m p.
Proof.
  intros P (A & B & C & D) X HX HF. assert (V := shown_positive_correct _ _ _ _ (proj1 X) HX).
  assert (Mirror := shown_symmetric _ _ _ _ HX). assert (Rx : m_rows x = n) by apply X. rewrite Rx in V, Mirror.
  split; intros ->.
  - destruct (growth_discrete n m (s_a q) (s_b q) x A B X Mirror) as [S G].
    destruct (dissipated_correct n m p (s_b q) (s_c q) (s_d q) B C D num den _ P S) as [F I].
    assert (W := shown_positive_correct _ _ _ _ (proj1 F) HF).
    replace (m_rows _) with (n + m)%nat in W by (symmetry; apply F).
    intros u z y Z0 Z Y. apply (discrete_energy n m p (value x) _ (next_of q n m) (output_of q n m) u z y V); auto.
    intros k w. assert (L := I W k w). rewrite G in L. exact L.
  - destruct (growth_continuous n m (s_a q) (s_b q) x A B X Mirror) as [S G].
    destruct (dissipated_correct n m p (s_b q) (s_c q) (s_d q) B C D num den _ P S) as [F I].
    assert (W := shown_positive_correct _ _ _ _ (proj1 F) HF).
    replace (m_rows _) with (n + m)%nat in W by (symmetry; apply F).
    intros T jumps u z y O Z Y out supply E E'.
    apply (continuous_energy n m p (value x) _ (next_of q n m) (output_of q n m) T jumps u z y); auto.
    intros k w. assert (L := I W k w). rewrite G in L. exact L.
Qed.

Lemma named_read s l ms q other : Forall2 (lipschitz.reads s) l ms -> read_systems ms = Some (q, other) ->
  exists first second, named l = Some (first, second) /\ stands s q first /\
  match other, second with
  | None, None => True
  | Some q', Some w => stands s q' w
  | _, _ => False
  end.
Proof.
  intros F H. unfold read_systems in H.
  repeat (destruct F as [|? ? ? ? ?H F]; try discriminate H); injection H as <- <-;
    do 2 eexists; (split; [reflexivity | split; [|try exact I]]); (split; [|split; [|split]]); assumption.
Qed.

Lemma follows_as a b jumps f g f' g' : (forall t, f t = g t) -> (forall t, f' t = g' t) ->
  follows a b jumps f f' -> follows a b jumps g g'.
Proof.
  intros E E' (C & D). split.
  - intros t I. apply (continuity_pt_locally_ext f g 1 t); [lra | auto | apply C, I].
  - intros t I J. rewrite <- E'. apply (derivable_pt_lim_ext f g t (f' t) E), D; assumption.
Qed.

Theorem gain_correct s w e : check s w e = Ok tt -> holds s w.
Proof.
  intros H. unfold check in H.
  apply bind_ok in H. destruct H as (ms & Hm & H). apply lipschitz.read_all in Hm.
  apply bind_ok in H. destruct H as (u1 & H1 & H). apply need_ok, Nat.leb_le in H1.
  apply bind_ok in H. destruct H as ([q other] & H2 & H). apply get_ok in H2.
  destruct (named_read s _ _ _ _ Hm H2) as (first & second & Names & Q & Second). cbn [fst snd] in H.
  apply bind_ok in H. destruct H as (u3 & H3 & H). apply need_ok, Z.ltb_lt in H3.
  apply bind_ok in H. destruct H as (u4 & H4 & H). apply need_ok, Z.leb_le in H4.
  apply bind_ok in H. destruct H as (u5 & H5 & H). apply need_ok in H5.
  destruct (agree_ok s q first Q H5) as (Fit & Q').
  apply bind_ok in H. destruct H as (whole & H6 & H).
  apply bind_ok in H. destruct H as (x & Hx & H). assert (Fx := lipschitz.hint_formed s e 0 x Hx).
  apply bind_ok in H. destruct H as (u7 & H7 & H). apply need_ok, sized_ok in H7.
  apply bind_ok in H. destruct H as ([] & HX & HF).
  unfold holds, ratio_value. destruct (limit w) as [num den]. cbn [fst snd] in *.
  assert (Dp : 0 < IZR den) by (apply IZR_lt; exact H3). assert (Np : 0 <= IZR num) by (apply IZR_le; exact H4).
  assert (G : IZR (num * num) / IZR (den * den) = IZR num / IZR den * (IZR num / IZR den)).
  { rewrite !mult_IZR. field. lra. }
  set (m := inputs first) in *. set (p := outputs first) in *. set (n := states first) in *.
  assert (Show : forall r, well_shaped whole r m p ->
    shown (continuous w) (IZR num / IZR den * (IZR num / IZR den)) whole r m p).
  { intros r S. rewrite <- G. apply (shown_correct s e (continuous w) _ _ whole r m p x); try assumption; [nia|].
    destruct S as ((_ & R & _) & _). split; [exact Fx | rewrite <- R; exact H7]. }
  exists first, second. split; [exact Names | split; [exact Fit|]].
  destruct other as [q'|], second as [last|]; try contradiction.
  - ok H6. apply sized_ok in E0. injection H6 as <-.
    destruct (agree_ok s q' last Second E) as (Fit' & L).
    assert (Same : inputs last = m /\ outputs last = p).
    { destruct Q' as (_ & _ & _ & D), L as (_ & _ & _ & D'). destruct D as (_ & R & C), D' as (_ & R' & C').
      fold m p in R, C. split; destruct E0; congruence. }
    destruct Same as [Sm Sp]. rewrite Sm, Sp in L. set (r := states last) in *.
    destruct (Show (n + r)%nat (well_shaped_difference q q' n r m p Q' L)) as [Sd Sc]. clear Show.
    split; [intros k K; injection K as <-; auto|].
    split; [apply Rmult_le_pos; [exact Np | left; apply Rinv_0_lt_compat; exact Dp]|].
    assert (Part : forall i, (i < n + r)%nat ->
      (i < n)%nat /\ Nat.ltb i n = true \/ (i - n < r)%nat /\ Nat.ltb i n = false).
    { intros i I. destruct (Nat.ltb_spec i n); [left | right]; split; auto; lia. }
    destruct (continuous w) as [|[|k]]; [left | right | lia]; (split; [reflexivity|]).
    + intros u y z (v & A0 & A & Y) (h & B0 & B & Z) T.
      apply (Sd eq_refl u (fun t => lipschitz.both n (v t) (h t)) (fun t i => y t i - z t i)).
      * intros i I. unfold lipschitz.both. destruct (Part i I) as [[J ->] | [J ->]]; auto.
      * intros t i I. rewrite (next_difference q q' n r m p) by assumption. unfold lipschitz.both.
        destruct (Part i I) as [[J ->] | [J ->]].
        -- rewrite A by exact J. apply (next_is s q first n m p); assumption.
        -- rewrite B by exact J. apply (next_is s q' last r m p); assumption.
      * intros t i I. rewrite (output_difference q q' n r m p) by assumption.
        rewrite Y, Z by (unfold p in *; congruence || assumption).
        rewrite (output_is s q first n m p), (output_is s q' last r m p) by assumption. reflexivity.
    + intros T jumps u y z O (v & A & Y) (h & B & Z) out supply Eo Es.
      apply (Sc eq_refl T jumps u (fun t => lipschitz.both n (v t) (h t)) (fun t i => y t i - z t i)); try assumption.
      * intros i I.
        assert (N := fun t => next_difference q q' n r m p (v t) (h t) (u t) i Q' L). unfold lipschitz.both in *.
        destruct (Part i I) as [[J K] | [J K]]; rewrite K in *.
        -- destruct (A i J) as [A0 A1]. split; [exact A0|]. refine (follows_as _ _ _ _ _ _ _ _ _ A1); [reflexivity|].
           intros t. rewrite N. apply (next_is s q first n m p); assumption.
        -- destruct (B _ J) as [B0 B1]. split; [exact B0|]. refine (follows_as _ _ _ _ _ _ _ _ _ B1); [reflexivity|].
           intros t. rewrite N. apply (next_is s q' last r m p); assumption.
      * intros t i I. rewrite (output_difference q q' n r m p) by assumption.
        rewrite Y, Z by (unfold p in *; congruence || assumption).
        rewrite (output_is s q first n m p), (output_is s q' last r m p) by assumption. reflexivity.
  - injection H6 as <-. destruct (Show n Q') as [Sd Sc]. clear Show.
    split; [discriminate|].
    split; [apply Rmult_le_pos; [exact Np | left; apply Rinv_0_lt_compat; exact Dp]|].
    destruct (continuous w) as [|[|k]]; [left | right | lia]; (split; [reflexivity|]).
    + intros u y z (v & A0 & A & Y) Z T. apply (Sd eq_refl u v (fun t i => y t i - z t i)); [exact A0 | |].
      * intros t i I. rewrite A by exact I. apply (next_is s q first n m p); assumption.
      * intros t i I. rewrite Z, Y by exact I. rewrite (output_is s q first n m p) by assumption. ring.
    + intros T jumps u y z O (v & A & Y) Z out supply Eo Es.
      apply (Sc eq_refl T jumps u v (fun t i => y t i - z t i)); try assumption.
      * intros i I. destruct (A i I) as [A0 A1]. split; [exact A0|].
        refine (follows_as _ _ _ _ _ _ _ _ _ A1); [reflexivity|]. intros t. apply (next_is s q first n m p); assumption.
      * intros t i I. rewrite Z, Y by exact I. rewrite (output_is s q first n m p) by assumption. ring.
Qed.
